package main

import (
	"context"
	"crypto/x509"
	"net/http"
	"net/url"

	"cubesync/cmd/cubesync/internal/config"
	"cubesync/sink/connectycube"
)

// credentials returns what the service user signs in with; nil without one.
func credentials(u *config.ServiceUser) *connectycube.Credentials {
	if u == nil {
		return nil
	}
	as := &connectycube.Credentials{Login: u.Login, Email: u.Email, Password: u.Password.Reveal(), Guest: u.Guest, ID: u.ID}
	if p := u.Provider; p != nil {
		as.Provider = &connectycube.Provider{
			Vouching: connectycube.Vouching(p.Name), Project: p.Project,
			Token: func(context.Context) (token, secret string, err error) {
				if token, err = p.Token.Read(); err != nil {
					return "", "", err
				}
				secret, err = p.Secret.Read()
				return token, secret, err
			},
		}
	}
	return as
}

// proxy returns which proxy a request takes; nil where none is used.
func proxy(p config.Proxy) func(*http.Request) (*url.URL, error) {
	if p.Environment {
		return http.ProxyFromEnvironment
	}
	if address := p.Address(); address != nil {
		return http.ProxyURL(address)
	}
	return nil
}

// roots returns the system's certificates and these; nil is the system's alone.
func roots(more []*x509.Certificate) *x509.CertPool {
	if len(more) == 0 {
		return nil
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool() // a system without any
	}
	for _, certificate := range more {
		pool.AddCert(certificate)
	}
	return pool
}
