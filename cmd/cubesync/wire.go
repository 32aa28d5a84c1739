package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"time"

	"cubesync/cmd/cubesync/internal/config"
	"cubesync/sink/connectycube"
	"cubesync/sink/emulator"
	"cubesync/source/csvfile"
	"cubesync/sync/account"
	"cubesync/sync/avatar"
	"cubesync/sync/mapping"
	"cubesync/sync/merge"
	"cubesync/sync/reconcile"
	"cubesync/sync/record"
	"cubesync/sync/state"
	"cubesync/sync/user"
)

// samplePrefix begins the external IDs of the sample's users, which no live service may see.
const samplePrefix = "sample-"

// load reads the configuration and picks the pipelines that the command line asks for.
func (c *command) load() (*config.Config, error) {
	cfg, err := config.Load(c.configPath, c.lookup, checkSchedule)
	if err != nil {
		return nil, err
	}
	if c.pipeline == "" {
		return cfg, nil
	}
	var names []string
	for _, p := range cfg.Pipelines {
		if p.Name == c.pipeline {
			cfg.Pipelines = []config.Pipeline{p}
			return cfg, nil
		}
		names = append(names, p.Name)
	}
	return nil, usagef("--pipeline %q: the configuration has %q", c.pipeline, names)
}

// application is one ConnectyCube application, ready to be used, with the pipelines that keep its users.
type application struct {
	stdin     io.Reader // for a source that reads it
	client    *connectycube.Client
	emulator  *emulator.Server // nil with a live endpoint
	pipelines []*reconcile.Pipeline
}

// open makes everything that the configuration names. It sends nothing.
func open(cfg *config.Config, stdin io.Reader, log *slog.Logger) (_ *application, err error) {
	app := &application{stdin: stdin}
	defer func() {
		if err != nil {
			_ = app.close(context.Background()) // the first error is the one to tell
		}
	}()
	cube := cfg.ConnectyCube
	options := connectycube.Options{
		Endpoint: cube.Endpoint, ApplicationID: cube.ApplicationID,
		AuthKey: cube.AuthKey.Reveal(), AuthSecret: cube.AuthSecret.Reveal(), AdminKey: cube.AdminKey.Reveal(),
		User: credentials(cube.ServiceUser), RequestsPerSecond: cube.RateLimit, Timeout: cube.Timeout, Version: build(version), Log: log,
	}
	for _, p := range cfg.Pipelines {
		options.Workers = max(options.Workers, cmp.Or(p.Workers, connectycube.MaxWidth))
	}
	if cube.Embedded() {
		if app.emulator, err = openEmulator(cfg); err != nil {
			return nil, err
		}
		options.Endpoint = "http://emulator.invalid"
		options.Base = app.emulator.Transport()
	} else {
		options.Proxy, options.RootCAs = proxy(cube.Proxy), roots(cube.CAs)
	}
	if app.client, err = connectycube.New(options); err != nil {
		return nil, err
	}
	for _, p := range cfg.Pipelines {
		pipeline, err := app.pipeline(cfg, p)
		if err != nil {
			return nil, fmt.Errorf("pipeline %s: %w", p.Name, err)
		}
		app.pipelines = append(app.pipelines, pipeline)
	}
	return app, nil
}

// openEmulator opens the embedded emulator.
func openEmulator(cfg *config.Config) (*emulator.Server, error) {
	options := cfg.Emulator
	options.Users = serviceUser()
	return emulator.Open(options)
}

// emulatorServiceLogin is the service user that every emulator starts with.
const emulatorServiceLogin = "cubesync-service"

func serviceUser() []emulator.SeedUser {
	return []emulator.SeedUser{{
		Login: emulatorServiceLogin, Password: config.EmulatorServicePassword, FullName: "cubesync service user",
	}}
}

func (a *application) pipeline(cfg *config.Config, p config.Pipeline) (*reconcile.Pipeline, error) {
	source, accept, err := a.openSource(cfg, p)
	if err != nil {
		return nil, err
	}
	mapper, err := mapping.New(p.Mapping)
	if err != nil {
		return nil, err
	}
	password, candidates := passwords(p.Passwords)
	either := newEither(candidates)
	authority := connectycube.Authority{
		SignUps: connectycube.SignUps(p.Creates), Updates: connectycube.Updates(p.Updates), Deletes: connectycube.Deletes(p.Deletes), Passwords: either.passwords,
	}
	pipeline := &reconcile.Pipeline{
		Name: p.Name, Source: source, Mapper: mapper, Accept: accept, Password: password,
		Service: a.client.Service(authority), Rekeying: a.rekeying(cfg, p, authority, password, either),
		Policy: p.Policy, Guards: p.Guards, Breaker: p.Breaker, Workers: p.Workers, Settings: p.Settings, Digest: p.Digest, Version: build(version),
		ServiceUser: a.client.UserID, StateDir: cfg.State, Identity: identityOf(cfg, p), KeepRuns: cfg.KeepRuns, MaxDuration: p.MaxDuration, FullEvery: cfg.FullEvery, PlanExpires: cfg.PlanExpires,
		Fits: a.client.Fits, Calls: a.client.Calls,
		Costs: reconcile.Costs{
			RateLimit: cfg.ConnectyCube.RateLimit, OwnerUpdates: p.Updates == config.AsOwner, OwnerDeletes: p.Deletes == config.AsOwner,
			KeptSessions: a.client.KeptSessions,
		},
	}
	pipeline.ZerosGetLost = zerosGetLost(p.Source)
	if p.Passwords.Column != "" {
		pipeline.SecretColumns = []string{p.Passwords.Column}
	}
	if p.Source.SQL != nil && p.Source.SQL.Incremental != nil {
		pipeline.ReadAllEvery = p.Source.SQL.Incremental.FullEvery
	}
	pipeline.Avatars = a.avatars(p.Avatar, authority)
	if p.Passwords.ResetEmail {
		pipeline.Resets = &reconcile.Resets{Service: a.client}
		if n := p.Passwords.PerMinute; n > 0 {
			pipeline.Resets.Pause = time.Minute / time.Duration(n)
		}
	}
	if candidates != nil {
		pipeline.Expel = func(ctx context.Context, externalID string, left account.Account, since time.Time) error {
			return a.client.Expel(ctx, left, either.passwords(externalID), since)
		}
	}
	if p.Workers == 0 {
		pipeline.Workers, pipeline.Width = connectycube.MaxWidth, a.client.Width
	}
	if !cfg.ConnectyCube.Local() {
		pipeline.SamplePrefix = samplePrefix
	}
	return pipeline, nil
}

// avatars makes what sets the avatars of a pipeline; nil where it sets none.
func (a *application) avatars(c *config.Avatar, authority connectycube.Authority) *reconcile.Avatars {
	if c == nil {
		return nil
	}
	return &reconcile.Avatars{
		Column: c.Column,
		Album: avatar.New(avatar.Options{
			From: c.From, Folder: c.Folder, Hosts: c.Hosts, Networks: c.Networks, Plain: c.Plain,
			MaxBytes: c.MaxBytes, MaxPixels: c.MaxPixels, Timeout: c.Timeout,
		}),
		Service: a.client.Avatars(authority, connectycube.AvatarPlace(c.As), c.Public),
	}
}

// identityOf says whose state a pipeline's is.
func identityOf(cfg *config.Config, p config.Pipeline) state.Identity {
	return state.Identity{
		Endpoint: cfg.ConnectyCube.Endpoint, ApplicationID: cfg.ConnectyCube.ApplicationID, Pipeline: p.Name, OwnerTag: p.OwnerTag,
	}
}

// openSource makes the pipeline's source, and says by which verdicts of it absence is believed.
func (a *application) openSource(cfg *config.Config, p config.Pipeline) (record.Source, record.Completeness, error) {
	mapper, err := mapping.New(p.Mapping)
	if err != nil {
		return nil, 0, err
	}
	if len(p.Source.Parts) == 0 {
		return openKind(oneOf(p.Source, p.Passwords.Column), p.Mapping.ExternalID.Column, mapper.KeyColumns(), p.UsedColumns(), a.stdin)
	}
	several := merge.Options{Identifies: p.Mapping.ExternalID.Column == merge.KeyColumn, Folder: cfg.State}
	for _, part := range p.Source.Parts {
		used := part.Own(p.UsedColumns())
		source, accept, err := openKind(part.Source, part.Key, part.Own(mapper.KeyColumns()), withKey(used, part.Key), a.stdin)
		if err != nil {
			return nil, 0, fmt.Errorf("%s: %w", part.Name, err)
		}
		several.Parts = append(several.Parts, merge.Part{Name: part.Name, Source: source, Key: part.Key, Columns: used, Accept: accept})
	}
	return merge.New(several), believed(true), nil // each was believed, or not, by itself
}

// zerosGetLost reports whether a spreadsheet may have written external IDs.
func zerosGetLost(s config.Source) bool {
	ofPart := func(part config.Part) bool { return zerosGetLost(part.Source) }
	return s.CSV != nil && !s.CSV.DamagedKeys || slices.ContainsFunc(s.Parts, ofPart)
}

// withKey are the columns with the key.
func withKey(columns []string, key string) []string {
	if slices.Contains(columns, key) {
		return columns
	}
	return append(slices.Clone(columns), key)
}

// openKind makes one source, of which only these columns are used: this is the list of all kinds there are. key is the column that
// says whose record one is, "" where several are needed for that; ids are those that external IDs are made of.
func openKind(s config.Source, key string, ids, columns []string, stdin io.Reader) (record.Source, record.Completeness, error) {
	if s.LDAP != nil {
		source, err := openDirectory(s.LDAP, key, columns)
		return source, believed(false), err
	}
	if s.SQL != nil {
		return openQuery(s.SQL, key, columns)
	}
	csv := s.CSV
	source, err := csvfile.New(csvfile.Options{
		Path: csv.Path, Files: csv.Files, Input: stdin, Encoding: csv.Encoding, MaxBytes: csv.MaxBytes,
		Delimiter: csv.Delimiter, NullValue: csv.NullValue, SkipRows: csv.SkipRows, Comment: csv.Comment, Columns: csv.Columns, Lenient: csv.Lenient,
		KeyColumn: key, KeyParts: ids, DamagedKeys: csv.DamagedKeys,
		Proof: csvfile.Proof(csv.Complete), Settle: csv.Settle, MaxAge: csv.MaxAge,
	})
	return source, believed(csv.AcceptPlausible), err
}

// believed is the least verdict that absence is believed by.
func believed(plausible bool) record.Completeness {
	if plausible {
		return record.Plausible
	}
	return record.Proven
}

// passwords returns how new users get theirs, nil where their records have them, and which ones an existing user may have.
func passwords(p config.Passwords) (password func(string) (string, error), candidates func(string) []string) {
	switch {
	case p.Column != "":
		return nil, nil
	case p.Derive == nil:
		return func(string) (string, error) { return rand.Text(), nil }, nil
	}
	secret, previous := p.Derive.Secret.Reveal(), p.Derive.Previous.Reveal()
	derive := user.Deriver(secret)
	password = func(externalID string) (string, error) { return derive(externalID), nil }
	candidates = func(externalID string) []string {
		all := []string{derive(externalID)}
		if previous != "" {
			all = append(all, user.DerivePassword(previous, externalID))
		}
		return all
	}
	return password, candidates
}

// close ends the sessions and the embedded emulator.
func (a *application) close(ctx context.Context) error {
	var err error
	if a.client != nil {
		err = a.client.Close(ctx)
	}
	if a.emulator != nil {
		if closeErr := a.emulator.Close(); err == nil {
			err = closeErr
		}
	}
	return err
}
