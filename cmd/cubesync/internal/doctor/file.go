package doctor

import (
	"context"
	"fmt"

	"cubesync/sink/connectycube"
	"cubesync/sync/account"
)

// file uploads a small file and deletes it again.
func (e *examination) file(ctx context.Context) error {
	if !e.ServiceUser {
		e.answer(UploadFile, NotTried, noServiceUser)
		return nil
	}
	name := prefix + e.accounts.run + ".txt"
	var made connectycube.File
	doubt, err := insist(ctx, func() (err error) {
		made, err = e.Client.Upload(ctx, connectycube.NewFile{
			Name: name, ContentType: "text/plain", Content: []byte("A throw-away file of cubesync doctor.\n"),
		})
		return err
	})
	if doubt { // files can't be looked up by name
		e.facts.Left = append(e.facts.Left, "file "+name)
	}
	if err != nil {
		e.answerDone(UploadFile, err)
		return ctx.Err()
	}
	twice, err := insist(ctx, func() error { return e.Client.DeleteFile(ctx, made.ID) })
	_, lookErr := e.Client.File(ctx, made.ID)
	if account.KindOf(lookErr) == account.NotFound {
		e.answer(UploadFile, Yes, "")
		return ctx.Err()
	}
	if !doubt {
		e.facts.Left = append(e.facts.Left, "file "+name)
	}
	switch {
	case refused(err) && !twice:
		e.answer(UploadFile, No, fmt.Sprintf("file %d was uploaded, but not deleted: %s", made.ID, said(err)))
	case err != nil:
		e.answer(UploadFile, Unknown, fmt.Sprintf("whether file %d was deleted again: %s", made.ID, said(err)))
	case lookErr != nil:
		e.answer(UploadFile, Unknown, fmt.Sprintf("whether file %d was deleted again: %s", made.ID, said(lookErr)))
	default:
		e.answer(UploadFile, No, fmt.Sprintf("file %d was uploaded, but it is still there after its deletion", made.ID))
	}
	return ctx.Err()
}
