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
	q, err := parseQuery(c.r.URL.RawQuery)
	if err != nil {
		return answer{}, err
	}
	page, total, sequence := s.users.search(q)
	body := listBody{Limit: q.limit, Skip: q.offset, Total: total, Items: make([]view, len(page))}
	for i, p := range page {
		body.Items[i] = p.listed()
	}
	return answer{status: http.StatusOK, body: body, shows: sequence}, nil
}
