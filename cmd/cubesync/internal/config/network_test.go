package config_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"cubesync/cmd/cubesync/internal/config"
)

// live makes a configuration of a live endpoint with one more line under connectycube.
func live(t *testing.T, endpoint, line string) string {
	t.Helper()
	return write(t, "endpoint: emulator\n  application_id: 1\n  auth_key: emulator-auth-key",
		"endpoint: "+endpoint+"\n  application_id: 1\n  auth_key: ${AUTH_KEY}\n  "+line)
}

func TestProxies(t *testing.T) {
	for _, each := range []struct {
		text        string
		environment bool
		address     string
	}{
		{"timeout: 1s", true, ""},
		{"proxy: environment", true, ""},
		{"proxy: none", false, ""},
		{"proxy: http://proxy.example.com:3128", false, "http://proxy.example.com:3128"},
		{"proxy: https://proxy.example.com/", false, "https://proxy.example.com/"},
		{"proxy: socks5://ann@127.0.0.1:1080", false, "socks5://ann@127.0.0.1:1080"},
		{"proxy: http://ann:${PROXY_WORD}@proxy.example.com", false, "http://ann:proxy-password-of-the-environment@proxy.example.com"},
		{"proxy: http://${APP}:${APP}${APP}@proxy.example.com", false, "http://4711:47114711@proxy.example.com"},
		{"proxy: file:proxy.txt", false, "http://ann:hunter2@proxy.example.com"},
	} {
		t.Run(each.text, func(t *testing.T) {
			path := live(t, "https://chat.example.com", each.text)
			if err := os.WriteFile(filepath.Join(filepath.Dir(path), "proxy.txt"), []byte("http://ann:hunter2@proxy.example.com\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			got := load(t, path).ConnectyCube.Proxy
			address := ""
			if got.Address() != nil {
				address = got.Address().String()
			}
			if got.Environment != each.environment || address != each.address {
				t.Errorf("got %t and %q, want %t and %q", got.Environment, address, each.environment, each.address)
			}
		})
	}
}

func TestBadProxies(t *testing.T) {
	const (
		at     = "config.yaml:6:10: connectycube.proxy: "
		write  = "write environment, none, or a URL such as http://proxy.example.com:3128"
		broken = at + "is not the address of a proxy; " + write + ", with the signs in its password percent-encoded"
		kind   = at + "is not the address of an http, https or socks5 proxy; " + write
		open   = at + "holds a password that everybody can read; write ${NAME} for it, or file:PATH for the whole address"
		longer = at + "has a path, a query or a fragment; end the address after host and port"
	)
	for _, each := range []struct{ text, want string }{
		{"proxy.example.com", broken},
		{"off", broken},
		{"http://", broken},
		{"http://:3128", broken},
		{"http://ann:hunter2%@proxy.example.com", broken},
		{"proxy.example.com:3128", broken},
		{"ftp://proxy.example.com", kind},
		{"http://proxy.example.com:65536", at + "has a port that doesn't exist; write one from 1 to 65535, or none"},
		{"http://proxy.example.com/path", longer},
		{"http://proxy.example.com?x", longer},
		{"http://ann:1/2@proxy.example.com", longer + "; in a password, / is written %2F, ? is %3F and # is %23"},
		{"http://ann:hunter2@proxy.example.com", open},
		{"http://ann:hunter${APP}@proxy.example.com", open},
		{"${UNSET}", at + "the environment variable UNSET is not set; set it, or write file:PATH"},
	} {
		t.Run(each.text, func(t *testing.T) {
			path := live(t, "https://chat.example.com", "proxy: '"+each.text+"'")
			_, err := config.Load(path, env, schedule)
			if got := complaints(err, filepath.Dir(path)); got != each.want {
				t.Errorf("got\n%s\nwant\n%s", got, each.want)
			}
		})
	}
}

func TestCertificates(t *testing.T) {
	const (
		at     = "config.yaml:6:12: connectycube.ca_file: "
		remedy = "; name a file with one or more -----BEGIN CERTIFICATE----- blocks"
		key    = "-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n"
	)
	good, err := os.ReadFile("testdata/ca.pem")
	if err != nil {
		t.Fatal(err)
	}
	for _, each := range []struct {
		name    string
		content []byte // nil: no such file
		want    string
	}{
		{"good", good, ""},
		{"missing", nil, at + "ca.pem can't be read: no such file or directory; make the file, or permit reading it"},
		{"empty", []byte{}, at + "ca.pem is empty" + remedy},
		{"blank", []byte(" \n"), at + "ca.pem is empty" + remedy},
		{"not-pem", []byte("\x30\x82\x01\x01"), at + "ca.pem holds no PEM certificate" + remedy},
		{"key", append(bytes.Clone(good), key...), at + "ca.pem holds EC PRIVATE KEY as block 3, where only certificates belong" + remedy},
		{"cut-off", good[:len(good)-40], at + "ca.pem is damaged: block 2 isn't whole" + remedy},
		{"not-a-certificate", []byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), at + "ca.pem is damaged: block 1 is no certificate" + remedy},
		{"too-large", bytes.Repeat([]byte("x"), 4<<20+1), at + "ca.pem is larger than 4096 KiB; name a file that holds certificates and nothing else"},
	} {
		t.Run(each.name, func(t *testing.T) {
			path := live(t, "https://chat.example.com", "ca_file: ca.pem")
			if each.content != nil {
				if err := os.WriteFile(filepath.Join(filepath.Dir(path), "ca.pem"), each.content, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			got, err := config.Load(path, env, schedule)
			if words := complaints(err, filepath.Dir(path)); words != each.want {
				t.Errorf("got\n%s\nwant\n%s", words, each.want)
			}
			if err == nil && len(got.ConnectyCube.CAs) != 2 {
				t.Errorf("got %d certificates, want 2", len(got.ConnectyCube.CAs))
			}
		})
	}
	t.Run("without-https", func(t *testing.T) {
		path := live(t, "http://127.0.0.1:8390", "ca_file: ca.pem")
		_, err := config.Load(path, env, schedule)
		if got, want := complaints(err, filepath.Dir(path)), at+"has no use without https; take the line out, or write an https endpoint"; got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	})
}
