package emulator

import (
	"net/http"
	"slices"
	"sync"
	"time"
)

// Mail is an e-mail that the service would have sent.
type Mail struct {
	What   string    `json:"what"` // "password_reset"
	To     string    `json:"to"`
	UserID int64     `json:"user_id"`
	At     time.Time `json:"at"`
}

// outbox holds the last e-mails, the newest last; safe for concurrent use.
type outbox struct {
	mu    sync.Mutex
	mails []Mail
}

const outboxSize = 1000

func (o *outbox) send(m Mail) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.mails) == outboxSize {
		o.mails = slices.Delete(o.mails, 0, 1)
	}
	o.mails = append(o.mails, m)
}

// Outbox returns the e-mails that would have been sent, the newest last, at most 1,000. They live in memory.
func (s *Server) Outbox() []Mail {
	s.outbox.mu.Lock()
	defer s.outbox.mu.Unlock()
	return append([]Mail{}, s.outbox.mails...)
}

// resetPassword is GET /users/password/reset?email=… as documented, and POST with {"email":…} as the SDK sends it.
func resetPassword(s *Server, c *call) (answer, error) {
	email := c.r.URL.Query().Get("email")
	if c.r.Method == http.MethodPost {
		params, err := c.params()
		if err != nil {
			return answer{}, err
		}
		email = params["email"].text
	}
	wrong := problems{}
	if email == "" {
		wrong.add("email", "can't be blank")
		return answer{}, wrong.failure()
	}
	p := s.users.find("", s.options.normalise("email", email))
	if p == nil {
		return answer{}, noUser()
	}
	s.outbox.send(Mail{What: "password_reset", To: p.Email, UserID: p.ID, At: s.clock.now().UTC()})
	return answer{status: http.StatusOK, body: struct{}{}, shows: p.sequence}, nil
}
