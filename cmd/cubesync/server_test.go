package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"cubesync/cmd/cubesync/internal/config"
	"cubesync/sink/emulator"
)

// server is an emulator as it sees itself, past the program under test: over its REST API, or in its data file when
// no process holds that.
type server struct {
	base  string
	http  *http.Client
	close func() error
}

// ask finds the server of a URL, or of a data file.
func ask(source string) (*server, error) {
	if strings.HasPrefix(source, "http://") {
		client := &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
		return &server{base: source, http: client, close: func() error { return nil }}, nil
	}
	kept, err := openEmulator(&config.Config{Emulator: emulator.Options{Data: source}})
	if err != nil {
		return nil, err
	}
	return &server{base: "http://emulator.invalid", http: &http.Client{Transport: kept.Transport()}, close: kept.Close}, nil
}

// counters are what the server has counted. Its writes come from its durable log.
func (s *server) counters() (counters emulator.Counters, err error) {
	err = s.call(http.MethodGet, "/__emulator/counters", "", nil, &counters)
	return counters, err
}

// accounts returns the accounts that a query of GET /users/v2 finds.
func (s *server) accounts(query string) ([]map[string]any, error) {
	token, err := s.session()
	if err != nil {
		return nil, err
	}
	var all []map[string]any
	for {
		var page struct {
			Total int              `json:"total_entries"`
			Items []map[string]any `json:"items"`
		}
		path := fmt.Sprintf("/users/v2.json?%s&sort_asc=id&limit=100&offset=%d", query, len(all))
		if err := s.call(http.MethodGet, path, token, nil, &page); err != nil {
			return nil, err
		}
		all = append(all, page.Items...)
		if len(page.Items) == 0 || len(all) >= page.Total {
			return all, nil
		}
	}
}

// account returns the only account with the external ID; nil if there is none.
func (s *server) account(externalID string) (map[string]any, error) {
	found, err := s.accounts("external_id=" + url.QueryEscape(externalID))
	if err != nil || len(found) == 0 {
		return nil, err
	}
	if len(found) > 1 {
		return nil, fmt.Errorf("%d accounts have the external ID %s", len(found), externalID)
	}
	return found[0], nil
}

// signUp makes an account that isn't cubesync's.
func (s *server) signUp(fields map[string]string) error {
	token, err := s.session()
	if err != nil {
		return err
	}
	return s.call(http.MethodPost, "/users.json", token, map[string]any{"user": fields}, nil)
}

// signIn signs somebody in as an app does.
func (s *server) signIn(email, password string) error {
	token, err := s.session()
	if err != nil {
		return err
	}
	return s.call(http.MethodPost, "/login.json", token, map[string]string{"email": email, "password": password}, nil)
}

func (s *server) session() (string, error) {
	var made struct {
		Session struct {
			Token string `json:"token"`
		} `json:"session"`
	}
	keys := map[string]string{"application_id": emulator.DefaultApplicationID, "auth_key": emulator.DefaultAuthKey}
	err := s.call(http.MethodPost, "/session.json", "", keys, &made)
	return made.Session.Token, err
}

func (s *server) call(method, path, token string, body, answer any) (err error) {
	var sent io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return err
		}
		sent = bytes.NewReader(text)
	}
	request, err := http.NewRequest(method, s.base+path, sent)
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	if token != "" {
		request.Header.Set("CB-Token", token)
	}
	response, err := s.http.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode >= http.StatusMultipleChoices {
		return fmt.Errorf("%s %s: %s: %s", method, path, response.Status, text)
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(text, answer)
}
