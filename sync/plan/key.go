package plan

import "cubesync/sync/user"

// KeyOf is the hash of an external ID by which its agreement is found: FNV-1a (64 bits), stirred as MurmurHash3 ends so
// that neighbouring IDs lie apart. It needn't withstand anybody: whoever meets another's key is compared in full.
func KeyOf(externalID string) user.Digest {
	const offset, prime = 14695981039346656037, 1099511628211
	h := uint64(offset)
	for i := range len(externalID) {
		h = (h ^ uint64(externalID[i])) * prime
	}
	h = (h ^ h>>33) * 0xff51afd7ed558ccd
	h = (h ^ h>>33) * 0xc4ceb9fe1a85ec53
	return user.Digest(max(1, h^h>>33)) // 0 stands for none
}
