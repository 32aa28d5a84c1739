package main

import (
	"fmt"
	"slices"
	"testing"

	"cubesync/sink/emulator"
	"cubesync/sync/plan"
)

// killStory is a kind of operation, and a world in which a run consists of it.
type killStory struct {
	kind     plan.Kind
	settings map[string]string // of the configuration
	options  emulator.Options
	before   func(w *killWorld) []worker        // who was there in the evening, synced
	change   func(w *killWorld, staff []worker) // what the night is to make of it
	command  []string                           // of the night; nil: sync
	write    string                             // the call that writes
	more     []string                           // further moments that a run can't do without
	opens    bool                               // it is about passwords, or about what users sign in with
	// overtakes: whom another machine overtakes with it can no longer be signed in as before; then some end as skipped or failed.
	overtakes bool
	arrived   func(before, now map[string]any) bool // whether the account, nil for none, shows the operation; nil: nothing shows it
}

const (
	staffSize = 24
	leaving   = 8 // fewer than half even of those who are still there when most of them are gone
)

// killStories are all kinds of operations that write differently.
func killStories() map[string]killStory {
	asOwner := []string{"sent/sign in as the account's user", "answered/sign in as the account's user", "sent/sign out"}
	shared := map[string]string{"UPDATES": "shared"}
	others := emulator.Options{WriteOthers: true}
	carries := func(account map[string]any) bool {
		return account != nil && slices.Contains(tagsOf(account), "staff-sync")
	}
	return map[string]killStory{
		"create": {
			kind: plan.Create, write: "sign up", before: nobody, opens: true,
			change:  func(w *killWorld, _ []worker) { w.staff(staffOf(staffSize)) },
			arrived: func(_, now map[string]any) bool { return now != nil },
		},
		"update-owner":  {kind: plan.Update, write: "update user", before: synced, change: renamed, more: asOwner},
		"update-shared": {kind: plan.Update, write: "update user", before: synced, change: renamed, settings: shared, options: others},
		"adopt": {
			kind: plan.Adopt, write: "update user", before: strangers, options: others,
			settings: map[string]string{"UPDATES": "shared", "ADOPT": "[external_id, login, email]"},
			change:   func(w *killWorld, staff []worker) { w.staff(staff) },
			arrived:  func(_, now map[string]any) bool { return carries(now) },
		},
		"release": {
			kind: plan.Release, write: "update user", before: synced, change: someLeave, more: asOwner,
			settings: map[string]string{"LEAVERS": "release"},
			arrived:  func(_, now map[string]any) bool { return now != nil && !carries(now) },
		},
		"delete": {
			kind: plan.Delete, write: "delete user", before: synced, change: someLeave,
			arrived: func(_, now map[string]any) bool { return now == nil },
		},
		"swap":  {kind: plan.Update, write: "update user", before: synced, change: swapped, more: asOwner, opens: true, overtakes: true},
		"rekey": {kind: plan.Update, write: "update user", before: synced, change: rekeyed, more: asOwner, opens: true, overtakes: true, command: []string{"rekey", "map.csv", "--yes"}},
	}
}

func nobody(*killWorld) []worker { return nil }

func synced(w *killWorld) []worker {
	w.Helper()
	staff := staffOf(staffSize)
	w.staff(staff)
	w.must(exitInSync, "sync", "--yes")
	return staff
}

// strangers have accounts that cubesync didn't make, each known by another key.
func strangers(w *killWorld) []worker {
	w.Helper()
	staff := staffOf(staffSize)
	for i, p := range staff {
		fields := map[string]string{"login": p.login, "password": "a-password-of-theirs"}
		switch i % 3 {
		case 0:
			fields["external_id"] = p.id
		case 1:
			fields["email"] = p.email
		}
		if err := w.past().signUp(fields); err != nil {
			w.Fatal(err)
		}
	}
	return staff
}

func renamed(w *killWorld, staff []worker) {
	w.Helper()
	changed := slices.Clone(staff)
	for i := range changed {
		changed[i].name += " the Second"
	}
	w.staff(changed)
}

func someLeave(w *killWorld, staff []worker) {
	w.Helper()
	w.staff(staff[leaving:])
}

// swapped lets pairs and a three exchange what is unique.
func swapped(w *killWorld, staff []worker) {
	w.Helper()
	s := slices.Clone(staff)
	s[0].email, s[1].email = s[1].email, s[0].email
	s[2].login, s[3].login = s[3].login, s[2].login
	s[4].email, s[5].email, s[6].email = s[5].email, s[6].email, s[4].email
	s[7].login, s[7].email, s[8].login, s[8].email = s[8].login, s[8].email, s[7].login, s[7].email
	w.staff(s)
}

// rekeyed gives half of them other keys, and the source speaks of them by these from now on.
func rekeyed(w *killWorld, staff []worker) {
	w.Helper()
	s := slices.Clone(staff)
	rows := [][]string{{"old_external_id", "new_external_id"}}
	for i := range s[:12] {
		was := s[i].id
		s[i].id = fmt.Sprintf("N%03d", i+1)
		rows = append(rows, []string{was, s[i].id})
	}
	w.table("map.csv", rows)
	w.staff(s)
}

// night prepares the world of a story up to the moment when its command is run.
func (story *killStory) night(t *testing.T, binary string, workers int) *killWorld {
	t.Helper()
	settings := map[string]string{"WORKERS": fmt.Sprint(workers)}
	for name, value := range story.settings {
		settings[name] = value
	}
	w := openKillWorld(t, binary, story.options, nil, settings)
	story.change(w, story.before(w))
	return w
}

// commands are what brings a night to its end: its command, and then the sync that any night has.
func (story *killStory) commands() [][]string {
	sync := []string{"sync", "--yes"}
	if story.command == nil {
		return [][]string{sync}
	}
	return [][]string{story.command, sync}
}
