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
//	handle    one file per resource: session.go, provider.go, identity.go, user.go, list.go, read.go (v1), blob.go, outbox.go
//	settle    nothing is answered before everything it shows is durable (journal.go)
//	remember  the last requests can be read, without their secrets (requestlog.go)
//	send      the answer, or as much of it as the fault leaves (outcome.go)
//
// # Its own pages
//
// They are outside all this, neither counted nor limited (own.go):
//
//	GET /                       what this is, the pages below, and all words of faults (greeting.go); /__emulator is the same
//	GET /__emulator/counters    Counters: requests by kind, refusals, the busiest second, successful writes
//	GET /__emulator/requests    the last requests, as Request, without their secrets
//	GET /__emulator/outbox      the e-mails it would have sent, as Mail
//	GET /__emulator/faults      what goes wrong on purpose; POST {"seed":1,"faults":[{"do":"lose_after","call":"sign_up"}]}
//	                            puts these Faults in the place of those there are; what makes no sense is refused
//	/__emulator/s3.amazonaws.com/   the storage that files are uploaded to and downloaded from (storage.go)
//
// Web apps served from this machine may call it from a browser (cors.go).
//
// # Its clock
//
// Server.SetClock sets it ahead of this machine's, or behind it, as another machine's may be.
//
// # What lasts
//
// Users and the numbers of successful writes live in the data file: one JSON line a write, fsynced before the answer;
// concurrent writers share one fsync. Files live in the folder of that name with ".blobs" after it. Sessions, used nonces,
// last_request_at, e-mails and all other counters live in memory, so a restart ends every session. Only one process can
// hold a data file.
//
// A guest lives one day, as documented; the data file tells when it came.
//
// # Where the documentation is silent
//
// Options.Switches is the table of what can be switched to the other answer. The following is this server's choice,
// inherited from QuickBlox or the plainest that fits; a client must not rely on it.
//
//   - Wrong keys are 401 and name the parameter. Wrong passwords are 401 {"errors":["Unauthorized"]}. The Admin API's
//     refusals are 403, and so is v1 where it is switched off, in the documented words.
//   - Logins are case-sensitive, e-mails aren't. Of several users with one e-mail the one with the lowest id signs in.
//   - A limit above 100 is lowered to 100. Lists are in the order of ids, and so are users whose sorted field is the same.
//   - start_with and names of v1 ignore case. A look-up of v1 that finds several users answers the first; by_full_name finds
//     parts of names.
//   - external_user_id is unique. external_user_id, blob_id and timezone must be whole numbers.
//   - A reset for an e-mail that nobody has is 404. Any session may ask for one.
//   - A guest is made anew by each session. Facebook, Twitter and Firebase aren't asked: any token is good.
//   - A Custom Identity Provider is asked for every sign-in by login, and for none by e-mail. Whom it doesn't vouch for gets
//     422; it has ten seconds and a megabyte, and redirects aren't followed. The user is made once and not changed later,
//     and refused when somebody else has its login. deny-on-the-fly doesn't keep it from being made.
//   - A file must be uploaded before it is completed, and its size must be right. Only its owner completes and deletes it.
package emulator
