package emulator

import "testing"

func TestBrowsers(t *testing.T) {
	for origin, want := range map[string]bool{
		"http://localhost:3000": true, "http://127.0.0.1:3000": true, "http://[::1]": true, "https://localhost": true,
		"": false, "null": false, "https://example.com": false, "http://localhost.example.com": false, "http://127.0.0.1.example.com": false,
	} {
		t.Run(origin, func(t *testing.T) {
			client := open(t, Options{})
			page := client.with("Origin", origin)
			a := page.do("GET", "/session", "")
			a.want(t, 401, noSessionBody)
			if got := a.header.Get("Access-Control-Allow-Origin"); (got == origin && got != "") != want {
				t.Errorf("allowed %q", got)
			}
			page.header["Access-Control-Request-Method"] = "PUT"
			page.header["Access-Control-Request-Headers"] = "cb-token,content-type"
			question := page.do("OPTIONS", "/users/1.json", "")
			if got := question.header.Get("Access-Control-Allow-Headers") == "cb-token,content-type" && question.status == 204; got != want {
				t.Errorf("the browser's question: %d %v", question.status, question.header)
			}
			requests := int64(2) // the question is nobody's request where it is answered
			if want {
				requests = 1
			}
			if got := client.server.Counters().Requests; got != requests {
				t.Errorf("%d requests counted, want %d", got, requests)
			}
		})
	}
}
