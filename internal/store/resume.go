package store

import (
	"errors"

	"sluice/internal/db"
)

// An upload that was interrupted belongs to its account, not to the device or run that began it: any of them finds it by
// size and probe, and several may fill it at the same time, as a chunk is claimed by a lock of the kernel's. The probe is what
// the client says, and finds nothing but the account's own: who lies harms only their own next try.

// errEnded says that the upload that was found has been sealed or swept since.
var errEnded = errors.New("the upload has ended")

// begun finds an upload of the account that an opening may go on with; 0: there is none.
func (p *Opening) begun(tx *db.Tx, w Who) (upload int64, err error) {
	if p.Probe == nil || p.Own {
		return 0, nil
	}
	return tx.UploadByProbe(w.Account, probeRow(p.Size, p.Probe), p.After)
}

// join goes on with an upload that has begun, in a transaction: errEnded if there is none.
func (p *Opening) join(tx *db.Tx, w Who, reply func(int64, bool) []byte) ([]byte, error) {
	upload, err := p.begun(tx, w)
	if err != nil {
		return nil, err
	}
	if upload == 0 {
		return nil, errEnded
	}
	return reply(upload, true), tx.TouchUpload(upload, 0, now())
}

func (s *Store) joinUpload(w Who, o Once, open *Opening, reply func(int64, bool) []byte) (answer []byte, err error) {
	err = s.write(func(tx *db.Tx) error {
		answer, err = s.once(tx, w, o, mayHave, func(tx *db.Tx) ([]byte, error) { return open.join(tx, w, reply) })
		return err
	})
	return answer, err
}
