package connectycube

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"
)

// Session is what the service tells of the shared session.
type Session struct {
	ID            int64
	UserID        int64 // 0 for an application session, which only reads
	ApplicationID string
	User          *User // nil where the service doesn't show them
	CreatedAt     time.Time
	UpdatedAt     time.Time
	Expires       time.Time     // by our clock, if the session isn't used again
	Skew          time.Duration // how far our clock is ahead of the service's, to a second; negative: behind
	Took          time.Duration // for the service to answer, waiting for a permit not included
}

// Session asks the service about the shared session, which is made first where there is none.
func (c *Client) Session(ctx context.Context) (Session, error) {
	var s Session
	got, err := c.do(ctx, &call{
		name: "look at the session", kind: sessionCall, method: http.MethodGet, path: "/session.json", shared: true,
		hint: hintApplication, read: readSession(&s),
	})
	if err != nil {
		return Session{}, err
	}
	s.Skew = time.Since(got.date()).Truncate(time.Second) // the service tells whole seconds, rounded down
	s.Took = got.took
	if current := c.token.current.Load(); current != nil {
		s.Expires = time.Unix(0, current.expires.Load())
	}
	return s, nil
}

// UserID returns the account id of the service user, whose own account nothing may touch; 0 where there is none. Where the
// id isn't configured, the service is asked.
func (c *Client) UserID(ctx context.Context) (int64, error) {
	who := c.options.User
	if who == nil {
		return 0, nil
	}
	if who.ID != 0 {
		return who.ID, nil
	}
	s, err := c.Session(ctx)
	return s.UserID, err
}

func readSession(into *Session) func(body []byte) error {
	return func(body []byte) error {
		var got struct {
			Session *struct {
				ID            Number   `json:"id"`
				UserID        Number   `json:"user_id"`
				ApplicationID wireText `json:"application_id"`
				User          *User    `json:"user"`
				CreatedAt     wireText `json:"created_at"`
				UpdatedAt     wireText `json:"updated_at"`
			} `json:"session"`
		}
		if json.Unmarshal(body, &got) != nil || got.Session == nil {
			return errors.New("it holds no session")
		}
		s := got.Session
		*into = Session{
			ID: s.ID.Number, UserID: s.UserID.Number, ApplicationID: string(s.ApplicationID), User: s.User,
			CreatedAt: s.CreatedAt.time(), UpdatedAt: s.UpdatedAt.time(),
		}
		return nil
	}
}
