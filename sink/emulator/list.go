package emulator

import "net/http"

type listBody struct {
	Limit int    `json:"limit"`
	Skip  int    `json:"skip"`
	Total int    `json:"total_entries"`
	Items []view `json:"items"`
}

// listUsers is GET /users/v2.
func listUsers(s *Server, c *call) (answer, error) {
	q, err := parseQuery(c.r.URL.RawQuery, s.options.InValues)
	if err != nil {
		return answer{}, err
	}
	asked := q.offset
	q.offset = max(0, q.offset+c.shift)
	page, total, sequence := s.users.search(q)
	body := listBody{Limit: q.limit, Skip: asked, Total: total, Items: make([]view, len(page))}
	for i, p := range page {
		body.Items[i] = s.listed(p)
	}
	return answer{status: http.StatusOK, body: body, shows: sequence}, nil
}
