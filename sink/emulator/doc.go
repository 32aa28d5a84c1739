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
//	arrive    counted, and its place in the sliding second measured, before any work (counters.go)
//	limit     429 above Options.RequestsPerSecond
//	fault     what a plan says goes wrong: instead of the rest, in the middle of it, or after it (fault.go)
//	token     a valid CB-Token is prolonged and its new expiry announced (token.go)
//	admit     the route says who may call it (route.go)
//	handle    one file per resource: session.go, provider.go, user.go, list.go, read.go (v1), blob.go, outbox.go
//	settle    nothing is answered before everything it shows is durable (journal.go)
//	remember  the last requests can be read, without their secrets (requestlog.go)
//	send      the answer, or as much of it as the fault leaves (outcome.go)
//
// Pages of the server's own (own.go) are outside all this, and so is the storage that files are uploaded to (storage.go).
//
// # What lasts
//
// Users and the numbers of successful writes live in the data file: one JSON line a write, fsynced before the answer;
// concurrent writers share one fsync. Files live in the folder of that name with ".blobs" after it. Sessions, used nonces,
// last_request_at, e-mails and all other counters live in memory, so a restart ends every session. Only one process can
// hold a data file.
//
// # Where the documentation is silent
//
// Options.Switches is the table of what can be switched to the other answer. The following is this server's choice,
// inherited from QuickBlox or the plainest that fits; a client must not rely on it. Wrong keys are 401 and name the
// parameter. Wrong passwords are 401 {"errors":["Unauthorized"]}. Logins are case-sensitive, e-mails aren't. A limit above
// 100 is lowered to 100; a page of v1 has 10 users unless it is asked for otherwise. DELETE answers {}. A look-up of v1
// that finds several users answers the first; by_full_name finds parts of names. external_user_id and the social ids are unique. A reset for an unknown
// e-mail is 404. A guest is made anew by each session. Providers aren't asked: any token is good. A file must be uploaded
// before it is completed, and its size must be right; reading it is a redirect to the storage.
package emulator
