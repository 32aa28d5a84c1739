package config

import (
	"cmp"
	"fmt"
	"math"
	"strings"

	"cubesync/sink/emulator"
)

// emulator reads how the local server behaves. It has its documented keys unless this section says others, whatever
// stands under connectycube: wrong keys there are refused as the service would refuse them. app is the application, zero
// where nobody reads it; keys of this section that could never fit those of the embedded emulator's user are refused.
func (c *checker) emulator(n node, app ConnectyCube) emulator.Options {
	group := n.object("write data: PATH under it",
		"data", "application_id", "auth_key", "auth_secret", "admin_key", "rate_limit", "switches", "identity")
	before := len(c.complaints)
	options := emulator.Options{
		Data:              group.get("data").filePath(defaultEmulatorData),
		ApplicationID:     cmp.Or(group.get("application_id").identifier(), emulator.DefaultApplicationID),
		AuthKey:           group.get("auth_key").resolvedOr(emulator.DefaultAuthKey),
		AuthSecret:        group.get("auth_secret").resolvedOr(emulator.DefaultAuthSecret),
		AdminKey:          group.get("admin_key").resolvedOr(emulator.DefaultAdminKey),
		RequestsPerSecond: group.get("rate_limit").integer(0, 0, math.MaxInt),
		Identity:          c.identity(group.get("identity")),
	}
	c.switches(group.get("switches"), &options)
	if err := options.Check(); err != nil && len(c.complaints) == before {
		group.get("application_id").complain(err.Error(), "correct it") // the others have complained already
	}
	if app.Embedded() && len(c.complaints) == before {
		group.fit("application_id", options.ApplicationID, app.ApplicationID)
		group.fit("auth_key", options.AuthKey, app.AuthKey.Reveal())
		group.fit("auth_secret", options.AuthSecret, app.AuthSecret.Reveal())
		group.fit("admin_key", options.AdminKey, app.AdminKey.Reveal())
	}
	return options
}

// fit complains where the emulator is given another value than the one that it is used with.
func (o object) fit(key, value, used string) {
	if n := o.get(key); n.given() && used != "" && value != used {
		n.complain("differs from connectycube."+key+", which the emulator then refuses", "write the same in both, or take this line out")
	}
}

func (n node) resolvedOr(preset string) string {
	if text, ok := n.resolved(); ok {
		return text
	}
	return preset
}

// switches sets the emulator's switches. Which there are, and what they can be, is the emulator's to say.
func (c *checker) switches(n node, options *emulator.Options) {
	all := options.Switches()
	names := make([]string, len(all))
	for i, s := range all {
		names[i] = strings.ReplaceAll(s.Name, "-", "_")
	}
	group := n.object("write the names of switches under it, such as write_others: true", names...)
	for i, s := range all {
		group.get(names[i]).turn(s)
	}
}

// turn sets one switch.
func (n node) turn(s emulator.Switch) {
	switch {
	case !n.given():
		return
	case s.Type() == "bool" && !n.is(boolKind, "write true or false"):
		return
	case s.Type() != "bool" && n.value.kind != numberKind && !n.is(textKind, "write one value"):
		return
	}
	if err := s.Set(n.value.text); err != nil {
		_, remedy, _ := strings.Cut(err.Error(), ": ")
		n.complain(fmt.Sprintf("unknown value %q", n.value.text), cmp.Or(remedy, err.Error()))
	}
}

// identity reads the company's backend that vouches for users.
func (c *checker) identity(n node) *emulator.Identity {
	group := n.object("write verify_url under it", "verify_url", "mapping")
	if !n.given() || group.broken {
		return nil
	}
	before := len(c.complaints)
	identity := &emulator.Identity{}
	identity.VerifyURL, _ = group.need("verify_url", "write the address that answers who a token stands for").resolved()
	if mapping := group.get("mapping").anyKeys(`write the user's fields under it, such as uid: "#{user.id}"`); mapping.given() {
		identity.Mapping = map[string]string{}
		for _, name := range mapping.names {
			identity.Mapping[name], _ = mapping.get(name).text()
		}
	}
	if err := identity.Check(); err != nil && len(c.complaints) == before {
		group.complain(err.Error(), "correct it")
	}
	return identity
}
