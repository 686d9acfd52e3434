package db

// Upload is a row of upload: a content that is arriving in chunks.
type Upload struct {
	ID      int64
	Account int64
	Content int64
	Size    int64 // -1: open
	Charged int64
	Touched int64
	Sparse  bool  // its file was not allocated ahead
	Device  int64 // who began it; like the next two, only read for lists that people see
	Label   string
	Began   int64
}

const uploadColumns = `id, account, content, size, charged, touched, sparse`

func (u *Upload) scan(r *Row) error {
	return r.Scan(&u.ID, &u.Account, &u.Content, &u.Size, &u.Charged, &u.Touched, &u.Sparse)
}

// InsertUpload adds an upload with its incomplete content and answers its id.
func (tx *Tx) InsertUpload(u *Upload, now int64) (int64, error) {
	if _, _, err := tx.exec(`INSERT INTO content (id, size) VALUES (?, ?)`, u.Content, u.Size); err != nil {
		return 0, err
	}
	var label []byte
	if u.Label != "" {
		label = []byte(u.Label)
	}
	_, id, err := tx.exec(`INSERT INTO upload (account, content, size, charged, began, touched, device, label, sparse)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`, u.Account, u.Content, u.Size, u.Charged, now, now, orNull(u.Device), label, u.Sparse)
	return id, err
}

// Upload finds an account's upload; nil: there is none.
func (tx *Tx) Upload(account, id int64) (*Upload, error) {
	var u Upload
	found := false
	err := tx.each(`SELECT `+uploadColumns+` FROM upload WHERE id = ? AND account = ?`, []any{id, account}, func(r *Row) (bool, error) {
		found = true
		return false, u.scan(r)
	})
	if err != nil || !found {
		return nil, err
	}
	return &u, nil
}

// UploadOf finds the upload of an unfinished content; nil: there is none.
func (tx *Tx) UploadOf(content int64) (*Upload, error) {
	all, err := tx.uploads(`SELECT `+uploadColumns+` FROM upload WHERE content = ?`, content)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	return &all[0], nil
}

// TouchUpload notes that an upload goes on, and what more it was charged.
func (tx *Tx) TouchUpload(id, more, now int64) error {
	_, _, err := tx.exec(`UPDATE upload SET touched = ?, charged = charged + ? WHERE id = ?`, now, more, id)
	return err
}

// DeleteUpload ends an upload. The trigger dooms its content if nothing else refers to it; the caller lowers account.held.
func (tx *Tx) DeleteUpload(id int64) error {
	_, _, err := tx.exec(`DELETE FROM upload WHERE id = ?`, id)
	return err
}

// StaleUploads lists uploads nobody has touched since a time, those first that were left alone longest.
func (tx *Tx) StaleUploads(before int64, limit int) ([]Upload, error) {
	return tx.uploads(`SELECT `+uploadColumns+` FROM upload WHERE touched < ? ORDER BY touched LIMIT ?`, before, limit)
}

// Uploads lists all uploads, for the start-up's check of their files.
func (tx *Tx) Uploads() ([]Upload, error) {
	return tx.uploads(`SELECT ` + uploadColumns + ` FROM upload`)
}

func (tx *Tx) uploads(query string, args ...any) ([]Upload, error) {
	var all []Upload
	err := tx.rows(query, args, func(r *Row) error {
		var u Upload
		err := u.scan(r)
		all = append(all, u)
		return err
	})
	return all, err
}

// Unfinished is an upload as its owner sees it.
type Unfinished struct {
	Upload
	Present    int64  // bytes
	DeviceName string // empty: the device is gone
}

// UploadsOf lists an account's uploads after one, in the order they were begun.
func (tx *Tx) UploadsOf(account, after int64, limit int) ([]Unfinished, error) {
	var all []Unfinished
	err := tx.rows(`SELECT upload.id, upload.size, upload.label, upload.began, upload.touched, upload.sparse, device.name,
			(SELECT COALESCE(SUM(size), 0) FROM chunk WHERE chunk.content = upload.content)
		FROM upload LEFT JOIN device ON device.id = upload.device
		WHERE upload.account = CAST(? AS INTEGER) AND upload.id > CAST(? AS INTEGER) ORDER BY upload.id LIMIT CAST(? AS INTEGER)`,
		[]any{account, after, limit}, func(r *Row) error {
			u := Unfinished{Upload: Upload{Account: account}}
			err := r.Scan(&u.ID, &u.Size, &u.Label, &u.Began, &u.Touched, &u.Sparse, &u.DeviceName, &u.Present)
			all = append(all, u)
			return err
		})
	return all, err
}
