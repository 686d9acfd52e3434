package db

// Upload is a row of upload: a content that is arriving in chunks.
type Upload struct {
	ID      int64
	Account int64
	Content int64
	Size    int64 // -1: open
	Charged int64
	Touched int64
}

// InsertUpload adds an upload with its incomplete content and answers its id.
func (tx *Tx) InsertUpload(u *Upload, now int64) (int64, error) {
	if _, _, err := tx.exec(`INSERT INTO content (id, size) VALUES (?, ?)`, u.Content, u.Size); err != nil {
		return 0, err
	}
	_, id, err := tx.exec(`INSERT INTO upload (account, content, size, charged, began, touched) VALUES (?, ?, ?, ?, ?, ?)`,
		u.Account, u.Content, u.Size, u.Charged, now, now)
	return id, err
}

// Upload finds an account's upload; nil: there is none.
func (tx *Tx) Upload(account, id int64) (*Upload, error) {
	u := Upload{ID: id, Account: account}
	found, err := tx.row(`SELECT content, size, charged, touched FROM upload WHERE id = ? AND account = ?`, []any{id, account},
		&u.Content, &u.Size, &u.Charged, &u.Touched)
	if err != nil || !found {
		return nil, err
	}
	return &u, nil
}

// UploadOf finds the upload of an unfinished content; nil: there is none.
func (tx *Tx) UploadOf(content int64) (*Upload, error) {
	all, err := tx.uploads(`SELECT id, account, content, size, charged, touched FROM upload WHERE content = ?`, content)
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

// StaleUploads lists uploads nobody has touched since a time.
func (tx *Tx) StaleUploads(before int64, limit int) ([]Upload, error) {
	return tx.uploads(`SELECT id, account, content, size, charged, touched FROM upload WHERE touched < ? LIMIT ?`, before, limit)
}

// Uploads lists all uploads, for the start-up's check of their files.
func (tx *Tx) Uploads() ([]Upload, error) {
	return tx.uploads(`SELECT id, account, content, size, charged, touched FROM upload`)
}

func (tx *Tx) uploads(query string, args ...any) ([]Upload, error) {
	var all []Upload
	err := tx.rows(query, args, func(r *Row) error {
		var u Upload
		err := r.Scan(&u.ID, &u.Account, &u.Content, &u.Size, &u.Charged, &u.Touched)
		all = append(all, u)
		return err
	})
	return all, err
}
