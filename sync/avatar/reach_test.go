package avatar

import (
	"net/netip"
	"testing"

	"pgregory.net/rapid"
)

func TestReachable(t *testing.T) {
	for _, test := range []struct {
		at       string
		networks string
		want     bool
	}{
		{at: "93.184.215.14", want: true},
		{at: "8.8.8.8", want: true},
		{at: "172.32.0.1", want: true},
		{at: "100.128.0.1", want: true},
		{at: "2606:4700::6810:84e5", want: true},
		{at: "::ffff:8.8.8.8", want: true},
		{at: "64:ff9b::808:808", want: true},

		{at: "127.0.0.1"}, {at: "127.255.255.254"}, {at: "0.0.0.0"}, {at: "0.1.2.3"},
		{at: "10.0.0.1"}, {at: "172.16.0.1"}, {at: "172.31.255.255"}, {at: "192.168.1.1"},
		{at: "100.64.0.1"}, {at: "100.127.255.255"}, {at: "169.254.169.254"}, {at: "169.254.0.1"},
		{at: "192.0.0.192"}, {at: "192.0.2.1"}, {at: "198.18.0.1"}, {at: "198.51.100.1"}, {at: "203.0.113.1"},
		{at: "224.0.0.1"}, {at: "240.0.0.1"}, {at: "255.255.255.255"}, {at: "168.63.129.16"},
		{at: "::"}, {at: "::1"}, {at: "fe80::1"}, {at: "fe80::1%eth0"}, {at: "2606:4700::1%eth0"}, {at: "fc00::1"}, {at: "fd12:3456::1"},
		{at: "fd00:ec2::254"}, {at: "ff02::1"}, {at: "fec0::1"}, {at: "2001:db8::1"}, {at: "2002:7f00:1::"}, {at: "2001::1"}, {at: "100::1"},
		{at: "::127.0.0.1"}, {at: "::ffff:127.0.0.1"}, {at: "::ffff:10.0.0.1"}, {at: "::ffff:169.254.169.254"},
		{at: "64:ff9b::7f00:1"}, {at: "64:ff9b::a9fe:a9fe"}, {at: "64:ff9b::a00:1"}, {at: "64:ff9b:1::808:808"},

		{at: "10.1.2.3", networks: "10.1.0.0/16", want: true},
		{at: "::ffff:10.1.2.3", networks: "10.1.0.0/16", want: true},
		{at: "fd12::7", networks: "fd12::/16", want: true},
		{at: "10.2.0.1", networks: "10.1.0.0/16"},
		{at: "100.100.100.200", networks: "100.64.0.0/10"},
		{at: "fd00:ec2::254", networks: "fd00::/8"},
		{at: "127.0.0.1", networks: "0.0.0.0/0"},
		{at: "169.254.169.254", networks: "169.254.0.0/16"},
		{at: "::1", networks: "::/0"},
	} {
		var networks []netip.Prefix
		if test.networks != "" {
			networks = prefixes(test.networks)
		}
		if got := Reachable(netip.MustParseAddr(test.at), networks); got != test.want {
			t.Errorf("%s with %q: %v", test.at, test.networks, got)
		}
	}
	if Reachable(netip.Addr{}, nil) {
		t.Error("no address at all may be reached")
	}
}

// However an IPv4 address is spelled as an IPv6 one, it is no more reachable than it is itself; and the standard library
// calls whatever is reachable a public unicast address.
func TestReachableProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var v4 [4]byte
		copy(v4[:], rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, "v4"))
		if special := rapid.IntRange(0, 20).Draw(t, "special"); special < len(special4()) {
			p := special4()[special]
			base := p.Addr().As4()
			for i := range v4 {
				if bits := p.Bits() - 8*i; bits >= 8 {
					v4[i] = base[i]
				} else if bits > 0 {
					mask := byte(0xff << (8 - bits))
					v4[i] = base[i]&mask | v4[i]&^mask
				}
			}
		}
		plain := netip.AddrFrom4(v4)
		want := Reachable(plain, nil)
		if want && (plain.IsPrivate() || !plain.IsGlobalUnicast()) {
			t.Fatalf("%s is reachable", plain)
		}
		if mapped := netip.AddrFrom16(plain.As16()); Reachable(mapped, nil) != want {
			t.Fatalf("%s: %v, and %s: %v", mapped, !want, plain, want)
		}
		for _, prefix := range []string{"64:ff9b::", "2002::", "::", "64:ff9b:1::", "::ffff:0:0:0"} {
			b := netip.MustParseAddr(prefix).As16()
			copy(b[12:], v4[:])
			if at := netip.AddrFrom16(b); Reachable(at, nil) && !want {
				t.Fatalf("%s is reachable, and %s isn't", at, plain)
			}
		}
		var v6 [16]byte
		copy(v6[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "v6"))
		at := netip.AddrFrom16(v6)
		if Reachable(at, nil) && (at.Unmap().IsPrivate() || !at.IsGlobalUnicast() || at.IsLoopback()) {
			t.Fatalf("%s is reachable", at)
		}
	})
}

func TestReservable(t *testing.T) {
	for network, want := range map[string]bool{
		"10.0.0.0/8": true, "10.1.2.0/24": true, "192.168.0.0/16": true, "fd12::/16": true, "100.64.0.0/10": true,
		"0.0.0.0/0": false, "127.0.0.0/8": false, "169.254.0.0/16": false, "10.0.0.0/7": false, "8.8.8.0/24": false, "fe80::/10": false, "::/0": false, "172.0.0.0/8": false,
	} {
		if got := Reservable(netip.MustParsePrefix(network)); got != want {
			t.Errorf("%s: %v", network, got)
		}
	}
}
