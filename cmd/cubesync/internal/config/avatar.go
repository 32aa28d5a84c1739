package config

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"cubesync/sync/avatar"
	"cubesync/sync/mapping"
	"cubesync/sync/plan"
)

// Avatar says where users' avatars come from, and where their accounts point at them.
type Avatar struct {
	Column    string
	From      avatar.From
	Folder    string         `json:",omitempty"` // of files, absolute
	Hosts     []string       `json:",omitempty"` // that addresses may name
	Networks  []netip.Prefix `json:",omitempty"` // that aren't public, in which hosts may be
	Plain     bool           `json:",omitempty"` // http too
	As        string         // avatarField or avatarData
	Public    bool           `json:",omitempty"` // readable without a session
	MaxBytes  int
	MaxPixels int
	Timeout   time.Duration `json:"-"` // how fast it works decides nothing
}

// Where accounts point at their avatars.
const (
	avatarField = "avatar"
	avatarData  = "custom_data"
	avatarKey   = "avatar_uid" // in custom_data
)

const avatarRemedy = "write {column: photo, from: file, folder: photos}"

// avatar reads mapping.avatar; nil where there is none.
func (c *checker) avatar(n node, spec *mapping.Spec, policy *plan.Policy) *Avatar {
	group := n.object(avatarRemedy, "column", "from", "as", "folder", "hosts", "networks", "allow_http", "public", "max_bytes", "max_pixels", "timeout")
	if !n.given() || group.broken {
		return nil
	}
	a := &Avatar{
		From:      avatar.From(group.need("from", "say what the column holds: file, url or base64").choice("", string(avatar.FromFile), string(avatar.FromURL), string(avatar.FromBase64))),
		As:        group.get("as").choice(avatarField, avatarField, avatarData),
		Public:    group.get("public").flag(),
		MaxBytes:  group.get("max_bytes").integer(avatar.DefaultMaxBytes, 1, maxAvatarBytes),
		MaxPixels: group.get("max_pixels").integer(avatar.DefaultMaxPixels, 1, maxAvatarPixels),
		Timeout:   avatar.DefaultTimeout,
	}
	a.Column, _ = group.need("column", "name the column").text()
	policy.AvatarPlace = a.As
	c.avatarOrigin(group, a)
	_, mapped := spec.CustomData[avatarKey]
	switch {
	case a.As != avatarData:
	case policy.ReplaceCustomData:
		group.get("as").complain("custom_data is replaced as a whole by what is mapped (mode: replace), and the avatar with it", "write mode: merge, or as: avatar")
	case mapped:
		group.get("as").complain("custom_data."+avatarKey+" is mapped too", "keep one of them")
	}
	return a
}

const (
	maxAvatarBytes  = 100 << 20 // the service takes no more
	maxAvatarPixels = 1_000_000_000
)

// avatarOrigin reads what belongs to one way of getting pictures, and to no other.
func (c *checker) avatarOrigin(group object, a *Avatar) {
	belongs := map[string]avatar.From{
		"folder": avatar.FromFile, "hosts": avatar.FromURL, "networks": avatar.FromURL, "allow_http": avatar.FromURL, "timeout": avatar.FromURL,
	}
	for _, name := range group.names {
		if from, limited := belongs[name]; limited && a.From != "" && from != a.From {
			group.get(name).complain("has no use with from: "+string(a.From), "take it out")
		}
	}
	switch a.From {
	case avatar.FromFile:
		a.Folder = group.need("folder", "name the folder that the files are in: no path leads out of it").filePath("")
	case avatar.FromURL:
		for _, host := range group.need("hosts", "name the hosts that pictures may come from").list("write a list such as [photos.example.com]") {
			a.Hosts = append(a.Hosts, host.host())
		}
		for _, network := range group.get("networks").list("write a list such as [10.1.0.0/16]") {
			if p, ok := network.network(); ok {
				a.Networks = append(a.Networks, p)
			}
		}
		a.Plain = group.get("allow_http").flag()
		a.Timeout = group.get("timeout").duration(avatar.DefaultTimeout, time.Second, time.Hour)
	}
}

// host returns the name of a host, with a port or without.
func (n node) host() string {
	text, ok := n.text()
	if ok && strings.ContainsAny(text, "/@*? ") {
		n.complain(fmt.Sprintf("%q is not the name of a host", text), "write one such as photos.example.com, or photos.example.com:8443")
	}
	return text
}

// network returns a network of an organisation's own.
func (n node) network() (netip.Prefix, bool) {
	const remedy = "write one such as 10.1.0.0/16"
	text, ok := n.text()
	if !ok {
		return netip.Prefix{}, false
	}
	p, err := netip.ParsePrefix(text)
	switch {
	case err != nil:
		n.complain(fmt.Sprintf("%q is not a network", text), remedy)
	case !avatar.Reservable(p):
		n.complain(text+" is no private network: public ones need no leave, and what only this machine or its link answers at gets none", remedy)
	default:
		return p.Masked(), true
	}
	return netip.Prefix{}, false
}
