package avatar

import (
	"net/netip"
	"slices"
	"syscall"
)

// control looks at the address that is about to be connected to, after any name was resolved: whatever a name, a redirect
// or a second look-up leads to passes here.
func (a *Album) control(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil || !a.mayReach(at.Addr()) {
		return problemf("the host is at an address that isn't public, such as this machine or its network (networks)")
	}
	return nil
}

func (a *Album) mayReach(at netip.Addr) bool {
	if a.options.Reachable != nil {
		return a.options.Reachable(at)
	}
	return Reachable(at, a.options.Networks)
}

// Reachable reports whether pictures may be fetched from the address: a public one, or one in a network that was named.
// What only this machine, its link or its cloud answers at is never one, whatever was named.
func Reachable(at netip.Addr, networks []netip.Prefix) bool {
	if !at.IsValid() || at.Zone() != "" {
		return false
	}
	at = at.Unmap()
	if slices.Contains(metadata(), at) {
		return false
	}
	return isPublic(at) || within(reservable(), at) && within(networks, at)
}

// Reservable reports whether a network may be named among those that pictures come from though they aren't public: it is
// one of an organisation's own.
func Reservable(network netip.Prefix) bool {
	return slices.ContainsFunc(reservable(), func(p netip.Prefix) bool {
		return p.Bits() <= network.Bits() && p.Contains(network.Addr())
	})
}

// reservable are the networks that organisations use for themselves.
func reservable() []netip.Prefix {
	return prefixes("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
}

// metadata are the addresses at which clouds tell a machine its secrets, where they aren't link-local anyway.
func metadata() []netip.Addr {
	return []netip.Addr{
		netip.MustParseAddr("100.100.100.200"), // Alibaba
		netip.MustParseAddr("168.63.129.16"),   // Azure
		netip.MustParseAddr("192.0.0.192"),     // Oracle
		netip.MustParseAddr("fd00:ec2::254"),   // Amazon
		netip.MustParseAddr("fd20:ce::254"),    // Google
	}
}

// isPublic reports whether the address is one of the open Internet. Of IPv6 only what is given out is, and one that stands
// for an IPv4 address (NAT64) is what that is.
func isPublic(at netip.Addr) bool {
	if at.Is4() {
		return !within(special4(), at) && !slices.Contains(metadata(), at)
	}
	if nat64 := netip.MustParsePrefix("64:ff9b::/96"); nat64.Contains(at) {
		b := at.As16()
		return isPublic(netip.AddrFrom4([4]byte(b[12:])))
	}
	return netip.MustParsePrefix("2000::/3").Contains(at) && !within(special6(), at)
}

// special4 and special6 are the networks of the registries of special addresses that aren't anybody's public host: see
// RFC 6890 and what followed it.
func special4() []netip.Prefix {
	return prefixes("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
		"192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4")
}

func special6() []netip.Prefix {
	return prefixes("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20") // Teredo, documentation, 6to4, documentation
}

func within(networks []netip.Prefix, at netip.Addr) bool {
	return slices.ContainsFunc(networks, func(p netip.Prefix) bool { return p.Contains(at) })
}

func prefixes(texts ...string) []netip.Prefix {
	all := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		all[i] = netip.MustParsePrefix(text)
	}
	return all
}
