package handler

import "sluice/internal/proto"

// beginUploads lists the account's unfinished uploads.
func beginUploads(s *Service, c *Call) Outcome {
	h := c.Header.(*proto.Uploads)
	all, more, err := s.store.Uploads(c.Peer.Who, h.After, proto.MaxUploads)
	if err != nil {
		return fail(err)
	}
	page := &proto.UploadsReply{More: more}
	for _, u := range all {
		page.Uploads = append(page.Uploads, proto.Unfinished(u))
	}
	return reply(page)
}

// beginUploadCancel ends one of them.
func beginUploadCancel(s *Service, c *Call) Outcome {
	h := c.Header.(*proto.UploadCancel)
	return replyRaw(s.store.UploadCancel(c.Peer.Who, c.once(h.Key), h.Upload, (&proto.UploadCancelReply{}).Append(nil)))
}
