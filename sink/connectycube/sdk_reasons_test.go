package connectycube

// reasons is everything that we do otherwise than ConnectyCube's SDK. Nothing but a decision adds to it: rewriting the
// golden file doesn't.
func reasons() []reason {
	return []reason{
		{"plain-json", "JSON has no charset, and the documentation names none.", []string{
			"*: Content-Type: application/json; charset=utf-8 → application/json",
		}},
		{"no-body", "A request without a body has no kind of body either.", []string{
			"*: Content-Type: application/x-www-form-urlencoded; charset=UTF-8 → nothing",
		}},
		{"suffix", "Paths answer with and without .json; the documentation has none here.", []string{
			"file/read: GET /blobs/<uid of the file>: path: /blobs/<uid of the file>.json → /blobs/<uid of the file>",
		}},
		{"signed", "Applications that require it have their sessions signed, where the secret is configured; the SDK can't.", []string{
			"session/signed: POST /session: body.nonce: nothing → <nonce>",
			"session/signed: POST /session: body.signature: nothing → <signature>",
			"session/signed: POST /session: body.timestamp: nothing → <timestamp>",
		}},
		{"log-in", "POST /session makes a user of a login that nobody has; so we make a session of the application, and log in on it.", []string{
			"session/*: POST /session: body.user.login: * → nothing",
			"session/*: POST /session: body.user.email: * → nothing",
			"session/*: POST /session: body.user.password: * → nothing",
			"session/*: POST /login: we only",
			"as-owner/*: POST /session: body.user.login: * → nothing",
			"as-owner/*: POST /session: body.user.password: * → nothing",
			"as-owner/*: POST /login: we only",
		}},
		{"log-in-with-a-provider", "One way for every service user: POST /login takes what a provider vouches with as POST /session does.", []string{
			"session/*: POST /session: body.provider: * → nothing",
			"session/*: POST /session: body.keys.token: * → nothing",
			"session/twitter: POST /session: body.keys.secret: * → nothing",
			"session/firebase_phone: POST /session: body.firebase_phone.*: * → nothing",
			"session/firebase_email: POST /session: body.firebase_email.*: * → nothing",
		}},
		{"who-is-it", "Where no id is configured, who has the login is looked up, so that a user made of a wrong one is noticed.", []string{
			"session/login: GET /users/v2: we only",
			"session/email: GET /users/v2: we only",
		}},
		{"session-kept", "The owner is logged out, and the session kept for the next owner.", []string{
			"as-owner/*: DELETE /login: we only",
		}},
		{"session-ended", "The session of a user who was deleted is destroyed.", []string{
			"as-owner/delete: DELETE /session: we only",
		}},
		{"admin", "The SDK has no call that deletes others; the Admin API's is the documented one, and has no .json.", []string{
			"delete-as-admin: DELETE /admin/user/5: we only",
		}},
		{"no-deprecated-id", "external_user_id is deprecated; external_id has its place.", []string{
			"sign-up/key: POST /users: body.user.external_user_id: * → nothing",
		}},
		{"no-social-id", "A user gets a social id by signing in with that provider, who vouches for it; a system of record can't.", []string{
			"sign-up/key: POST /users: body.user.facebook_id: * → nothing",
			"sign-up/key: POST /users: body.user.twitter_id: * → nothing",
		}},
		{"no-timezone", "The timezone is that of the user's device, and the app's to set.", []string{
			"sign-up/key: POST /users: body.user.timezone: * → nothing",
		}},
		{"avatar-later", "A file belongs to who uploads it, so an avatar is set once the user is there: see avatar/avatar.", []string{
			"sign-up/key: POST /users: body.user.avatar: * → nothing",
		}},
		{"reset-by-get", "The documentation says GET where the SDK sends POST: it is asked where a server doesn't know the SDK's call.", []string{
			"reset-as-documented: POST /users/password/reset: the SDK only",
			"reset-as-documented: GET /users/password/reset: we only",
		}},
		{"page-said", "The documented usual page, said so that no other server's usual one counts.", []string{
			"v2/usual-page: GET /users/v2: ?limit: nothing → 100",
			"v2/usual-page: GET /users/v2: ?offset: nothing → 0",
		}},
		{"one-is-some", "One value is looked up as many are, in pages that are sorted and checked.", []string{
			"look-up/a-single-value: GET /users/v2: ?login: ann → nothing",
			"look-up/a-single-value: GET /users/v2: ?login[in][]: nothing → ann",
			"look-up/a-single-value: GET /users/v2: ?sort_asc: nothing → id",
			"look-up/a-single-value: GET /users/v2: ?limit: nothing → 100",
			"look-up/a-single-value: GET /users/v2: ?offset: nothing → 0",
		}},
		{"id-is-a-number", "Ids are numbers, as in the SDK's own filter; its order asks for a number among an array's keys, and calls all strings.", []string{
			"v1/*: GET /users: ?order: asc string id → asc number id",
		}},
		{"size-of-a-blob", "The documented form; the SDK sends the size bare.", []string{
			"file/upload: PUT /blobs/1/complete: body.size: 12 → nothing",
			"file/upload: PUT /blobs/1/complete: body.blob.size: nothing → 12",
			"avatar/*: PUT /blobs/*/complete: body.size: 20 → nothing",
			"avatar/*: PUT /blobs/*/complete: body.blob.size: nothing → 20",
		}},
		{"token-stays", "The storage is somebody else's, and gets no token; the SDK's HTTP library carries it along.", []string{
			"file/read: GET /__emulator/s3.amazonaws.com/<uid of the file>: CB-Token: * → nothing",
		}},
		{"read-before-write", "The account is read again just before it is written.", []string{
			"avatar/*: GET /users/v2: we only",
		}},
	}
}
