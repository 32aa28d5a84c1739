package account

import "context"

// Picture is a file for an account's avatar.
type Picture struct {
	Name        string
	ContentType string
	Content     []byte
}

// Avatars gives accounts their avatars. Implementations are as safe for concurrent use as a Service, within the same rate
// limit, and their errors are the same.
type Avatars interface {
	// SetAvatar uploads the picture and points the account at it, under the authority that updates accounts; where that is
	// the account's user, their password is that of known's ExternalID. It returns what the service calls the file. After an
	// Ambiguous error the account may have the picture or the one before it, and doing it again is right either way: all that
	// may stay behind is a file that nobody needs.
	SetAvatar(ctx context.Context, known Account, picture Picture) (uid string, err error)
}

// Resets sends e-mails for new passwords. Implementations are as safe for concurrent use as a Service, within the same rate
// limit, and their errors are the same.
type Resets interface {
	// ResetPassword has an e-mail sent to the user of the address. It is sent once: an Ambiguous error means that it may be
	// under way.
	ResetPassword(ctx context.Context, email string) error
}
