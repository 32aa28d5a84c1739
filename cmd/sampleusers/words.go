package main

import "strings"

// name is a name as its bearer writes it, and in the letters of an e-mail address.
type name struct{ text, ascii string }

// region keeps given and family names together that are found together.
type region struct{ given, family []name }

// words is what people are put together from. Common names and no roles: no combination is meant to be anybody.
type words struct {
	regions                            []region
	domains, nicknames, suffixes       []string
	emoji, departments, oddDepartments []string
	tags, offices, notes               []string
}

func newWords() words {
	return words{
		regions: []region{
			{
				given:  names("Olivia Noah Emma Liam Ava Mason Grace Henry Ruby Oscar Chloe Jack"),
				family: names("Smith Johnson Walker Hughes Bennett Cooper Murphy Reed O'Brien=obrien O’Neill=oneill Ward-Hill Fisher"),
			},
			{
				given:  names("Jürgen=juergen Anna Bärbel=baerbel Lukas Sören=soeren Käthe=kaethe Moritz Grete Jörg=joerg Hanna"),
				family: names("Müller=mueller Schröder=schroeder Weiß=weiss Krüger=krueger Schmidt Bäcker=baecker Vogel Köhler=koehler Lang Groß=gross"),
			},
			{
				given:  names("Zoé=zoe François=francois Éloïse=eloise Théo=theo Hélène=helene Gaëlle=gaelle Rémi=remi Noël=noel Inès=ines Hugo"),
				family: names("Lefèvre=lefevre Dubois Béranger=beranger Garçon=garcon Moreau Côté=cote Fournier D’Arc=darc Perrin Chevalier"),
			},
			{
				given:  names("José=jose Lucía=lucia Íñigo=inigo Begoña=begona João=joao Sofía=sofia Conceição=conceicao Martín=martin Inês=ines Raúl=raul"),
				family: names("Núñez=nunez García=garcia Ibáñez=ibanez Peña=pena Gonçalves=goncalves Muñoz=munoz Simões=simoes Ortega Vázquez=vazquez Araújo=araujo"),
			},
			{
				given:  names("Łukasz=lukasz Zofia Jiří=jiri Božena=bozena Krešimir=kresimir Šárka=sarka Żaneta=zaneta Ondřej=ondrej Małgorzata=malgorzata Dénes=denes"),
				family: names("Dvořák=dvorak Wiśniewski=wisniewski Šimůnek=simunek Żak=zak Kovačić=kovacic Nowak Kőszegi=koszegi Černý=cerny Wójcik=wojcik Horváth=horvath"),
			},
			{
				given:  names("Søren=soren Åsa=asa Øystein=oystein Björk=bjork Aino Väinö=vaino Þóra=thora Maja"),
				family: names("Ødegård=odegard Åkesson=akesson Sørensen=sorensen Mäkinen=makinen Lindqvist Jónsdóttir=jonsdottir Nygård=nygard"),
			},
			{
				given:  names("Günay=gunay Çağla=cagla İpek=ipek Işıl=isil Özgür=ozgur"),
				family: names("Yılmaz=yilmaz Şahin=sahin Gök=gok Çelik=celik Öztürk=ozturk"),
			},
			{
				given:  names("伟=wei 芳=fang 秀英=xiuying 敏=min 静=jing 強=qiang 洋=yang 婷婷=tingting"),
				family: names("王=wang 李=li 張=zhang 刘=liu 陈=chen 欧阳=ouyang 黄=huang 周=zhou"),
			},
			{
				given:  names("さくら=sakura 陽翔=haruto 結衣=yui ケンジ=kenji 葵=aoi"),
				family: names("佐藤=sato 鈴木=suzuki 髙橋=takahashi 渡邊=watanabe 小林=kobayashi"),
			},
			{
				given:  names("지우=jiwoo 민준=minjun 서연=seoyeon 하은=haeun"),
				family: names("김=kim 이=lee 박=park 최=choi"),
			},
			{
				given:  names("Иван=ivan Ольга=olga Фёдор=fyodor Юлия=yulia"),
				family: names("Ковальчук=kovalchuk Мельник=melnyk Щербак=shcherbak Бойко=boyko"),
			},
			{
				given:  names("Ελένη=eleni Νίκος=nikos Ζωή=zoi"),
				family: names("Παπαδάκη=papadaki Γεωργίου=georgiou Οικονόμου=oikonomou"),
			},
			{
				given:  names("محمد=mohammed ليلى=layla سمير=samir"),
				family: names("الحداد=alhaddad منصور=mansour النجار=alnajjar"),
			},
			{
				given:  names("Thị=thi Đức=duc Hương=huong"),
				family: names("Nguyễn=nguyen Trần=tran Phạm=pham"),
			},
		},
		domains:   []string{"example.com", "example.org", "example.net"},
		nicknames: []string{"Sam", "Ace", "Mo", "Kit", "Zed"},
		suffixes:  []string{", Jr.", ", PhD", ", M. Sc.", " (extern)", ", \"the younger\""},
		emoji:     []string{"🌻", "🚀", "👩‍💻", "🎸"},
		departments: []string{
			"Engineering", "Sales", "Finance", "People & Culture", "Einkauf", "Qualitätssicherung", "Comptabilité",
			"Atención al cliente", "客户服务", "開発部", "Logistics", "Legal",
		},
		oddDepartments: []string{
			"R&D, Basel", "Sales, \"North\"", "Logistics\nNight shift", "Support ☕", "Café ☕ & Kantine",
			"Vertrieb,\nAußendienst", "\"Skunk Works\"", "IT; Netze",
		},
		tags:    []string{"staff", "remote", "vip", "trainee", "first-aid", "on-call", "büro-zürich", "équipe-a", "東京", "night shift"},
		offices: []string{"Zürich", "Berlin", "London", "São Paulo", "Kraków", "Montréal", "Malmö", "東京", "上海", "Αθήνα"},
		notes:   []string{"prefers \"you\"", "Tür 3, links", "ask first\nthen call", "C:\\desk", "🌱 plants"},
	}
}

// names reads a list of words: name=ascii, or only the name where lower case is all that it needs.
func names(list string) []name {
	var read []name
	for word := range strings.FieldsSeq(list) {
		text, ascii, spelled := strings.Cut(word, "=")
		if !spelled {
			ascii = strings.ToLower(text)
		}
		read = append(read, name{text: text, ascii: ascii})
	}
	return read
}
