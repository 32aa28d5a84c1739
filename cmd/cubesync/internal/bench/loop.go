package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"cubesync/sink/emulator"
)

// atOnce is how many sign-ups are under way at the same time, as the program has it where the configuration doesn't say.
const atOnce = 32

// loop signs so many users up as a person would who writes a loop for it: over net/http, with as many connections as are of
// use, and without remembering anything. The users have the fields of those in the file that the program reads.
func loop(ctx context.Context, endpoint string, users int) (took time.Duration, err error) {
	transport := &http.Transport{MaxIdleConnsPerHost: atOnce}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: time.Minute}
	group, ctx := errgroup.WithContext(ctx)
	var last atomic.Int64
	began := time.Now()
	for range atOnce {
		group.Go(func() error {
			for n := last.Add(1); n <= int64(users); n = last.Add(1) {
				if err := signUp(ctx, client, endpoint, n); err != nil {
					return err
				}
			}
			return nil
		})
	}
	err = group.Wait()
	return time.Since(began), err
}

func signUp(ctx context.Context, client *http.Client, endpoint string, n int64) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint+"/users", strings.NewReader(strings.ReplaceAll(somebody, "#", fmt.Sprint(n))))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("CB-AuthKey", emulator.DefaultAuthKey)
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, response.Body) // so that the connection is used again
	if err = errors.Join(err, response.Body.Close()); err == nil && response.StatusCode != http.StatusCreated {
		err = errors.New(response.Status)
	}
	return err
}

const somebody = `{"user":{"login":"loop.user#","email":"loop.user#@example.com","external_id":"L#","full_name":"Some Body #",` +
	`"phone":"+49 30 1234567","password":"derived-password-of-#","website":"https://example.com/people/loop.user#",` +
	`"custom_data":"{\"department\":\"Research\",\"city\":\"Berlin\"}","tag_list":["bench","staff"]}}`
