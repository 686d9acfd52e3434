package db

// Device is a row of device: one token of an account.
type Device struct {
	ID      int64
	Account int64
	Name    []byte
	Revoked int64 // 0: good
}

// DeviceByToken finds a device by the hash of its token, revoked ones too; nil: there is none.
func (tx *Tx) DeviceByToken(tokenHash []byte) (*Device, error) {
	return tx.device(`SELECT id, account, name, ifnull(revoked, 0) FROM device WHERE token = ?`, tokenHash)
}

// Device finds a device by its id, revoked ones too; nil: there is none.
func (tx *Tx) Device(id int64) (*Device, error) {
	return tx.device(`SELECT id, account, name, ifnull(revoked, 0) FROM device WHERE id = ?`, id)
}

func (tx *Tx) device(query string, key any) (*Device, error) {
	var d Device
	found, err := tx.row(query, []any{key}, &d.ID, &d.Account, &d.Name, &d.Revoked)
	if err != nil || !found {
		return nil, err
	}
	return &d, nil
}

// InsertDevice adds a device and answers its id.
func (tx *Tx) InsertDevice(account int64, name, tokenHash []byte, now int64) (int64, error) {
	_, id, err := tx.exec(`INSERT INTO device (account, name, token, created, seen) VALUES (?, ?, ?, ?, ?)`,
		account, name, tokenHash, now, now)
	return id, err
}

// RevokeDevice ends a device's token.
func (tx *Tx) RevokeDevice(id, now int64) error {
	_, _, err := tx.exec(`UPDATE device SET revoked = ? WHERE id = ? AND revoked IS NULL`, now, id)
	return err
}
