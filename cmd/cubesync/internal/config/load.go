package config

import (
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"time"

	"cubesync/sink/emulator"
)

// ScheduleCheck says whether the scheduler understands a schedule in a time zone.
type ScheduleCheck func(spec string, zone *time.Location) error

// Load reads and checks the configuration at path. The environment is asked for the variables that secrets name, and
// schedule for every schedule. Everything that is wrong is in the one *Error.
func Load(path string, env func(string) (string, bool), schedule ScheduleCheck) (*Config, error) {
	c, full, err := newChecker(path, env)
	if err != nil {
		return nil, err
	}
	c.schedule = schedule
	root := c.read()
	config := c.config(root)
	if err := c.err(); err != nil {
		return nil, err
	}
	config.Path, config.places = full, placesOf(path, root)
	for i := range config.Pipelines {
		p := &config.Pipelines[i]
		p.Settings, p.Digest = p.settings(), p.digest(config.ConnectyCube)
	}
	return config, nil
}

// LoadEmulator reads and checks the section emulator of the configuration at path, and nothing else of it: to run an
// emulator takes neither an application nor pipelines.
func LoadEmulator(path string, env func(string) (string, bool)) (emulator.Options, error) {
	c, _, err := newChecker(path, env)
	if err != nil {
		return emulator.Options{}, err
	}
	var options emulator.Options
	if root := c.read(); root != nil {
		options = c.emulator(c.top(root).get("emulator"), ConnectyCube{})
	}
	return options, c.err()
}

func newChecker(path string, env func(string) (string, bool)) (c *checker, full string, err error) {
	full, err = filepath.Abs(path)
	if err != nil {
		return nil, "", fmt.Errorf("finding the folder of %s: %w", path, err)
	}
	return &checker{file: path, folder: filepath.Dir(full), env: env}, full, nil
}

// read returns the file's only document, nil after a complaint.
func (c *checker) read() *value {
	file, err := os.Open(c.file)
	if err != nil {
		c.complain(position{}, "", "can't be read: "+cause(err).Error(), "name the configuration with --config")
		return nil
	}
	defer func() { _ = file.Close() }() // nothing was written
	text, err := io.ReadAll(io.LimitReader(file, maxBytes+1))
	if err != nil {
		c.complain(position{}, "", "can't be read: "+cause(err).Error(), "name a file with --config")
		return nil
	}
	return c.parse(text)
}

func (c *checker) top(root *value) object {
	return node{checker: c, at: position{1, 1}, value: root}.object("begin with a copy of the config.yaml that comes with cubesync",
		"connectycube", "emulator", "state", "keep_runs", "full_list_every", "plan_expires", "pipelines")
}

// config reads the whole file.
func (c *checker) config(root *value) *Config {
	if root == nil {
		return nil
	}
	top := c.top(root)
	app, with := c.connectyCube(top.need("connectycube", "say which application the users are in"))
	return &Config{
		ConnectyCube: app,
		Emulator:     c.emulator(top.get("emulator"), app),
		State:        top.get("state").filePath(defaultState),
		KeepRuns:     top.get("keep_runs").integer(defaultKeepRuns, 1, math.MaxInt),
		FullEvery:    top.get("full_list_every").integer(defaultFullEvery, 1, math.MaxInt),
		PlanExpires:  top.get("plan_expires").duration(defaultPlanExpires, time.Second, maxPlanExpires),
		Pipelines:    c.pipelines(top.need("pipelines", "add at least one pipeline"), with),
	}
}

// filePath returns an absolute path.
func (n node) filePath(preset string) string {
	text, ok := n.text()
	if !ok {
		text = preset
	}
	return n.absolute(text)
}
