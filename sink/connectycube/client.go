// Package connectycube is the client of a live ConnectyCube application. It implements account.Service: one shared
// session, one rate limit and one set of connections per application, whatever number of pipelines use them.
//
// It doesn't decide what to write, resolves no doubt, and repeats by itself only what can't act twice. Reading
// configuration and the environment is left to the caller.
//
// A call passes, outermost first:
//
//	retry ─▶ token ─▶ limiter ─▶ exchange ─▶ http.RoundTripper
//
// retry repeats, token puts the shared session's token on, limiter waits for a permit, exchange makes one HTTP
// request. Each is a sender around the next. The content of files travels past all of them but exchange, to a storage
// that is somebody else's, without any credential of ours.
package connectycube

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"cubesync/sync/account"
)

const (
	defaultTimeout = 30 * time.Second
	closeTimeout   = 5 * time.Second // of everything that Close still sends
)

// Options says which application to speak to, as whom, and how fast.
type Options struct {
	Endpoint          string            // base URL, such as https://api.connectycube.com
	ApplicationID     string            // as the service has it; sent as a number where it is one
	AuthKey           string            // the application's authorization key
	AuthSecret        string            // the application's authorization secret; "" where sessions aren't signed
	AdminKey          string            // the Administration API key; "" where nothing is deleted as admin
	User              *Credentials      // the service user of the shared session; nil: an application session, which only reads
	RequestsPerSecond float64           // 0: no limit; otherwise from 0.01 to 100,000
	Workers           int               // how many callers there will be: the number of connections that are kept
	Base              http.RoundTripper // nil: a transport of our own
	Timeout           time.Duration     // of one request, waiting for its permit not included; 0: 30 seconds
	Version           string            // of this program, for the user agent
	Log               *slog.Logger      // nil: silent

	// Draw draws the length of a pause, from 1 to most; nil: at random. It is for tests that must go the same way again.
	Draw func(most time.Duration) time.Duration

	// For a transport of our own; a Base brings its own.
	Proxy   func(*http.Request) (*url.URL, error) // nil: none; http.ProxyFromEnvironment is one
	RootCAs *x509.CertPool                        // of the certificates to trust; nil: those of the system
}

// Client is the client of one application. It is safe for concurrent use.
type Client struct {
	options     Options
	log         *slog.Logger
	chain       sender
	limiter     *limiter
	token       *token
	exchange    *exchange
	sessions    pool
	edition     edition
	tags        tagForm
	resetsByGet atomic.Bool // ResetPassword is spelled GET here
	secrets     []string    // what no error may ever show
	inValues    atomic.Int64
	serviceUser atomic.Int64            // the id of who signed in first
	guest       atomic.Pointer[session] // of the guest who was made last
	adminWorks  atomic.Bool             // the Administration API key was accepted
}

// New checks the options and returns a client. It sends nothing: the session is made on first need.
func New(options Options) (*Client, error) {
	if err := options.check(); err != nil {
		return nil, err
	}
	options.Endpoint = strings.TrimRight(options.Endpoint, "/")
	c := &Client{options: options, log: options.Log}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	c.secrets = []string{options.AuthKey, options.AuthSecret, options.AdminKey}
	if options.User != nil {
		c.secrets = append(c.secrets, options.User.Password)
	}
	c.inValues.Store(maxValues)
	c.edition.turn = newTurn()
	c.exchange = newExchange(options)
	c.limiter = newLimiter(c.exchange, options.RequestsPerSecond, c.log)
	c.limiter.draw = options.Draw
	c.token = newToken(c.limiter, c.signIn)
	c.chain = &retry{next: c.token, draw: options.Draw}
	return c, nil
}

func (o Options) check() error {
	endpoint, err := url.Parse(o.Endpoint)
	switch {
	case err != nil || endpoint.Host == "" || (endpoint.Scheme != "http" && endpoint.Scheme != "https"):
		return fmt.Errorf("connectycube endpoint %q: must be a URL such as https://api.connectycube.com", redacted(endpoint))
	case endpoint.User != nil || endpoint.RawQuery != "" || endpoint.Fragment != "":
		return fmt.Errorf("connectycube endpoint %q: must hold no user, query or fragment", redacted(endpoint))
	case o.ApplicationID == "":
		return errors.New("connectycube: the application id is missing")
	case o.AuthKey == "":
		return errors.New("connectycube: the authorization key is missing")
	case o.RequestsPerSecond != 0 && !(o.RequestsPerSecond >= slowestLimit && o.RequestsPerSecond <= fastestLimit): // nor is it a number, where it isn't one
		return fmt.Errorf("connectycube: requests per second must be from %v to %v, or 0, which means no limit", slowestLimit, fastestLimit)
	case o.Base != nil && (o.Proxy != nil || o.RootCAs != nil):
		return errors.New("connectycube: a proxy and root certificates belong to the transport that is given")
	case o.User != nil:
		return o.User.check()
	}
	return nil
}

func redacted(endpoint *url.URL) string {
	if endpoint == nil {
		return "(unreadable)"
	}
	return endpoint.Scheme + "://" + endpoint.Host + endpoint.Path
}

// applicationID spells the id as the service's own SDK does: as a number wherever it is one.
func applicationID(id string) any {
	if n, err := strconv.ParseUint(id, 10, 64); err == nil && strconv.FormatUint(n, 10) == id {
		return n
	}
	return id
}

// Service returns the application as one pipeline sees it. All services of a client share its session, limit and
// connections.
func (c *Client) Service(authority Authority) account.Service {
	return &service{client: c, authority: authority}
}

// Calls returns how many requests were sent so far, repeated ones included, by kind: "list", "look-up", "sign-up",
// "update", "delete", "session", "login", "logout", "destroy", "password reset", "file", "upload". Kinds that were never
// sent are left out.
func (c *Client) Calls() map[string]int { return byKind(&c.exchange.calls) }

// Doubts returns, of the requests that Calls counts, how many may have been carried out, or may be yet, though no answer
// says so: neither done, nor refused, nor kept from being sent.
func (c *Client) Doubts() map[string]int { return byKind(&c.exchange.doubts) }

// KeptSessions returns how many sessions are kept for the next users who write or delete themselves.
func (c *Client) KeptSessions() int { return c.sessions.size() }

// Throttled returns how many requests the service answered with 429 so far: it had too many.
func (c *Client) Throttled() int { return int(c.exchange.throttled.Load()) }

// Close destroys the sessions that the client made, and its guest, and closes its idle connections. It gives up after a few seconds:
// what it can't destroy dies by itself, two hours after its last use. The client isn't used afterwards.
func (c *Client) Close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	c.removeGuest(ctx, c.guest.Swap(nil))
	sessions := c.sessions.drain()
	if shared := c.token.forget(); shared != nil {
		sessions = append(sessions, shared)
	}
	err := c.destroyAll(ctx, sessions)
	c.exchange.closeIdle()
	return err
}

// do sends the call and returns an *account.Error unless the service did what was asked. A refusal comes with its
// answer too.
func (c *Client) do(ctx context.Context, call *call) (*answer, error) {
	answer, err := c.chain.send(ctx, call)
	if err == nil && answer.done() {
		return answer, nil
	}
	return answer, c.failure(call, answer, err)
}
