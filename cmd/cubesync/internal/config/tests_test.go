package config_test

import (
	"path/filepath"
	"testing"

	"cubesync/cmd/cubesync/internal/config"
)

// mapped is the minimal fixture with a mapping by expressions and these tests of it.
func mapped(t *testing.T, tests string) (config.Pipeline, string) {
	t.Helper()
	path := write(t, "      email: {column: email}\n", `      email: {expr: lower(email)}
      phone: {expr: 'e164(phone, "DE")', empty: clear}
      tags: [{expr: 'split(groups, ";")'}]
      custom_data: {keys: {floor: {column: floor}, desk: {column: desk}}}
      filter: status == "left"
    tests:`+tests+"\n")
	return load(t, path).Pipelines[0], filepath.Dir(path)
}

func TestTestsPass(t *testing.T) {
	p, _ := mapped(t, `
      - record: {id: E1, email: " Ann@Example.com ", phone: 030 901820, groups: b; a, desk: "7", floor: null}
        user: {external_id: E1, email: ann@example.com, phone: "+4930901820", tags: [b, a, b], custom_data: {desk: "7"}}
      - {record: {id: E1, phone: "", email: ""}, user: {phone: "", email: null, tags: null, custom_data: null}}
      - {record: {id: E1, phone: null}, user: {phone: ""}}
      - {record: {id: E1, phone: none}, rejected: no phone number of DE}
      - {record: {id: E1, groups: "a;b", desk: "1"}, user: {tags: "b, a", custom_data: '{"desk": "1"}'}}
      - {record: {email: x}, rejected: true}
      - {record: {status: left}, filtered: true}`)
	if err := p.Test(); err != nil || p.Tests.Len() != 7 {
		t.Errorf("%d tests: %v", p.Tests.Len(), err)
	}
	p = load(t, "testdata/full.good.yaml").Pipelines[0]
	if err := p.Test(); err != nil || p.Tests.Len() != 4 {
		t.Errorf("%d tests of the full fixture: %v", p.Tests.Len(), err)
	}
}

func TestTestsFail(t *testing.T) {
	p, folder := mapped(t, `
      - record: {id: E1, email: Ann@Example.com, groups: b; a, desk: "7"}
        user:
          external_id: E2
          email: Ann@Example.com
          phone: ""
          tags: [a]
          custom_data: {desk: "8"}
      - {record: {id: E1}, rejected: true}
      - {record: {id: E1}, filtered: true}
      - {record: {id: E1, status: left}, user: {email: null}}
      - {record: {email: x}, user: {email: x}}
      - {record: {email: x}, rejected: "no phone number"}
      - {record: {id: E1, phone: none}, filtered: true}
      - {record: {id: E1, status: left}, rejected: true}`)
	const want = `config.yaml:20:24: pipelines[0].tests[0].user.external_id: the mapping makes "E1", and the test wants "E2"; correct the mapping, or the test
config.yaml:21:18: pipelines[0].tests[0].user.email: the mapping makes "ann@example.com", and the test wants "Ann@Example.com"; correct the mapping, or the test
config.yaml:22:18: pipelines[0].tests[0].user.phone: the mapping makes nothing (the field is left as it is), and the test wants ""; correct the mapping, or the test
config.yaml:23:17: pipelines[0].tests[0].user.tags: the mapping makes "a,b", and the test wants "a"; correct the mapping, or the test
config.yaml:24:11: pipelines[0].tests[0].user.custom_data: the mapping makes "{\"desk\":\"7\"}", and the test wants "{\"desk\":\"8\"}"; correct the mapping, or the test
config.yaml:25:9: pipelines[0].tests[1]: the mapping makes a user of the record, E1; correct the mapping, or the test
config.yaml:26:9: pipelines[0].tests[2]: the filter doesn't leave the record out; correct the mapping, or the test
config.yaml:27:9: pipelines[0].tests[3]: the filter leaves the record out; correct the mapping, or the test
config.yaml:28:9: pipelines[0].tests[4]: the mapping rejects the record: external_id: it is empty, and without it nobody can be recognised: fill it in; email: "x" isn't an e-mail address: write name@domain and nothing else; correct the mapping, or the test
config.yaml:29:9: pipelines[0].tests[5]: the mapping rejects the record: external_id: it is empty, and without it nobody can be recognised: fill it in; email: "x" isn't an e-mail address: write name@domain and nothing else, and the test wants it to say "no phone number"; correct the mapping, or the test
config.yaml:30:9: pipelines[0].tests[6]: the mapping rejects the record: phone: expression e164(phone, "DE") (config.yaml:13): "none" is no phone number of DE: correct it, at character 1; correct the mapping, or the test
config.yaml:31:9: pipelines[0].tests[7]: the filter leaves the record out; correct the mapping, or the test`
	for range 2 { // and no more the second time
		if got := complaints(p.Test(), folder); got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	}
}
