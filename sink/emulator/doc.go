// Package emulator is a ConnectyCube server for one machine: an http.Handler that answers the service's REST calls as the
// service documents them, with the users in memory or in a file. It is for developing and testing without an account and
// without a network, and it refuses what the service refuses: an application session only reads, a user session writes its
// own user only, logins and e-mails are unique, five tags.
//
// It is not the service: no chat, no push, and no security. Passwords are kept as a salted SHA-256, which is cheap to
// compute and therefore cheap to guess; keys are compared plainly. Serve it on loopback only.
//
// # A request
//
//	arrive   counted, and its place in the sliding second measured, before any work (counters.go)
//	limit    429 above Options.RequestsPerSecond
//	token    a valid CB-Token is prolonged and its new expiry announced (token.go)
//	admit    the route says who may call it (route.go)
//	handle   one file per resource: session.go, user.go, list.go
//	settle   nothing is answered before everything it shows is durable (journal.go)
//
// # What lasts
//
// Users and the numbers of successful writes live in the data file: one JSON line a write, fsynced before the answer;
// concurrent writers share one fsync. Sessions, used nonces, last_request_at and all other counters live in memory, so a
// restart ends every session. Only one process can hold a data file.
//
// # Where the documentation is silent
//
// These answers are this server's choice, inherited from QuickBlox or the plainest that fits; a client must not rely on
// them. Wrong keys are 401 and name the parameter. Wrong passwords are 401 {"errors":["Unauthorized"]}. Logins are
// case-sensitive, e-mails aren't. A limit above 100 is lowered to 100. DELETE answers {}. user_tags is an array in the
// list and a comma-separated string everywhere else. updated_at moves with every accepted update and with nothing else.
package emulator
