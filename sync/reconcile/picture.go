package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"cubesync/sync/account"
	"cubesync/sync/avatar"
	"cubesync/sync/plan"
	"cubesync/sync/record"
	"cubesync/sync/state"
	"cubesync/sync/user"
)

// Avatars say where the users' avatars come from, and how they are set.
type Avatars struct {
	Column  string // of the source
	Album   *avatar.Album
	Service account.Avatars
}

// mostPictures is how many pictures are held in memory at once.
const mostPictures = 8

// cell is what a record says of its avatar.
func (a *Avatars) cell(rec record.Record) string { return rec.Value(a.Column).Text() }

// check makes sure that the source has the column.
func (a *Avatars) check(columns *record.Columns) error {
	if a == nil || columns.Has(a.Column) {
		return nil
	}
	return fmt.Errorf("the source lacks %q (for avatar); its columns are %q", a.Column, columns.Names())
}

// files reports whether pictures are files: whether one changed, its record doesn't say.
func (a *Avatars) files() bool { return a != nil && a.Album.Local() && !a.Album.Carried() }

// picture is what a record points at, as far as its stamp tells.
func (a *Avatars) picture(rec record.Record) plan.Picture {
	if a == nil {
		return plan.Picture{}
	}
	cell := a.cell(rec)
	return plan.Picture{Stamp: a.Album.Stamp(cell), Source: a.Album.Source(cell)}
}

// carried looks at a picture that the record carries itself, as long as the record is at hand. What stays of the record
// must not keep the picture in memory with it.
func (a *Avatars) carried(ctx context.Context, d *plan.Desired, rec record.Record) error {
	if a == nil || !a.Album.Carried() {
		return nil
	}
	d.User.ExternalID = strings.Clone(d.User.ExternalID)
	d.Position = record.Position(strings.Clone(string(d.Position)))
	for i := range d.User.Values {
		if d.User.Values[i].Set {
			d.User.Values[i] = user.Text(strings.Clone(d.User.Values[i].Text))
		}
	}
	if d.Picture.Stamp == "" {
		return nil
	}
	return a.look(ctx, &d.Picture, a.cell(rec))
}

// look finds out about the content of a picture.
func (a *Avatars) look(ctx context.Context, p *plan.Picture, cell string) error {
	got, err := a.Album.Get(ctx, cell)
	if problem, ok := errors.AsType[*avatar.ProblemError](err); ok {
		p.Problem = problem.Error()
		return nil
	}
	if err == nil {
		p.SHA256, p.Bytes = got.SHA256, len(got.Content)
	}
	return err
}

// look reads the files of those whose avatar may be another one, so that the plan can say whether it is. Addresses aren't
// asked for a plan: what they have is seen when it is set.
func (r *run) look(ctx context.Context, desired []plan.Desired, remembered []state.Remembered) error {
	if !r.pictures.files() {
		return nil
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(min(max(1, r.Workers), mostPictures))
	for i := range desired {
		d := &desired[i]
		if d.Picture.Stamp == "" || ctx.Err() != nil {
			continue
		}
		at, known := slices.BinarySearchFunc(remembered, d.User.ExternalID, func(one state.Remembered, externalID string) int {
			return strings.Compare(one.ExternalID, externalID)
		})
		if known && remembered[at].Avatar.Is(&d.Picture, r.Policy.AvatarPlace) {
			continue
		}
		group.Go(func() error { return r.pictures.look(ctx, &d.Picture, d.Picture.Source) })
	}
	return group.Wait()
}

// openAlbum looks whether there are any pictures at all. Where there are none, as when a folder isn't mounted, that is said
// once, and not of everybody.
func (r *run) openAlbum() {
	if r.Avatars == nil {
		return
	}
	if err := r.Avatars.Album.Ready(); err != nil {
		r.pictures, r.noPictures = nil, err.Error()
	}
}

// noAlbum remarks that avatars are left alone.
func (r *run) noAlbum() {
	if r.noPictures != "" {
		r.Plan.Remarks = append(r.Plan.Remarks, plan.Remark{
			Field: "avatar", Reason: plan.BadPicture, Detail: r.noPictures + "; all avatars are left alone in this run",
		})
	}
}
