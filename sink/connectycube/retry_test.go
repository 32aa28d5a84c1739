package connectycube

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"cubesync/sync/account"
)

func TestRetry(t *testing.T) {
	refused := &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
	reset := &net.OpError{Op: "read", Err: syscall.ECONNRESET}
	tests := map[string]struct {
		status     int
		err        error
		gets, puts int // how often a GET and a PUT are sent
	}{
		"done":             {200, nil, 1, 1},
		"accepted":         {202, nil, 1, 1},
		"invalid":          {422, nil, 1, 1},
		"unauthenticated":  {401, nil, 1, 1},
		"not-found":        {404, nil, 1, 1},
		"throttled":        {429, nil, maxThrottle, maxThrottle},
		"request-timeout":  {408, nil, maxTries, 1},
		"server-error":     {500, nil, maxTries, 1},
		"gateway-timeout":  {504, nil, maxTries, 1},
		"refused":          {0, refused, maxTries, maxTries},
		"reset":            {0, reset, maxTries, 1},
		"timeout":          {0, context.DeadlineExceeded, maxTries, 1},
		"cut-off":          {0, &unreadableError{200, io.ErrUnexpectedEOF.Error(), ""}, maxTries, 1},
		"without-session":  {0, &account.Error{Kind: account.Unavailable}, 1, 1},
		"never-given-away": {0, &unsentError{errors.New("no such method")}, 1, 1},
	}
	for name, test := range tests {
		for method, want := range map[string]int{http.MethodGet: test.gets, http.MethodPut: test.puts} {
			t.Run(name+"-"+method, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					tries := 0
					r := &retry{next: senderFunc(func(context.Context, *call) (*answer, error) {
						tries++
						if test.err != nil {
							return nil, test.err
						}
						return says(test.status), nil
					})}
					began := time.Now()
					got, err := r.send(t.Context(), &call{method: method})
					if tries != want {
						t.Errorf("sent %d times, want %d", tries, want)
					}
					if !errors.Is(err, test.err) || (got != nil && got.status != test.status) {
						t.Errorf("the last answer was dropped: got %v, error %v", got, err)
					}
					if took := time.Since(began); took > 15*time.Second {
						t.Errorf("took %v", took)
					}
				})
			})
		}
	}
}

func TestRetryStops(t *testing.T) {
	t.Run("when-it-succeeds", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			tries := 0
			r := &retry{next: senderFunc(func(context.Context, *call) (*answer, error) {
				tries++
				if tries < 3 {
					return says(503), nil
				}
				return says(200), nil
			})}
			got, err := r.send(t.Context(), &call{method: http.MethodGet})
			if err != nil || got.status != 200 || tries != 3 {
				t.Errorf("got %v, error %v after %d tries", got, err, tries)
			}
		})
	})
	t.Run("when-the-caller-gives-up", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			defer cancel()
			tries := 0
			r := &retry{next: senderFunc(func(context.Context, *call) (*answer, error) {
				tries++
				return says(503), nil
			})}
			got, err := r.send(ctx, &call{method: http.MethodGet})
			if err != nil || got.status != 503 || tries > 2 {
				t.Errorf("got %v, error %v after %d tries", got, err, tries)
			}
		})
	})
	t.Run("when-it-would-wait-for-hours", func(t *testing.T) {
		tries := 0
		r := &retry{next: senderFunc(func(context.Context, *call) (*answer, error) {
			tries++
			return says(429, "Retry-After", "7200"), nil
		})}
		if got, err := r.send(t.Context(), &call{method: http.MethodGet}); err != nil || got.status != 429 || tries != 1 {
			t.Errorf("got %v, error %v after %d tries", got, err, tries)
		}
	})
}
