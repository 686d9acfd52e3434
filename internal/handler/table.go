package handler

import "sluice/internal/proto"

// Table is what every request type means, in the order of proto.Types.
func Table() []Row {
	return []Row{
		{Type: proto.TypeHello, Quick: quickHello, Begin: beginHello},
		{Type: proto.TypePing, Quick: quickPing, Begin: beginPing},
		{Type: proto.TypeLogin, Begin: beginLogin},
		{Type: proto.TypeDeviceRevoke, Begin: admitted(beginDeviceRevoke)},
		{Type: proto.TypeQuota, Begin: admitted(beginQuota)},
		{Type: proto.TypeHave, Begin: admitted(beginHave)},
		{Type: proto.TypePutObjects, Begin: admitted(beginPutObjects), Finish: finishPutObjects, Abort: abortPutObjects},
		{Type: proto.TypeUploadOpen, Begin: admitted(beginUploadOpen)},
		{Type: proto.TypeUploadChunk, Begin: admitted(beginUploadChunk), Finish: finishUploadChunk, Abort: abortUploadChunk},
		{Type: proto.TypeUploadSeal, Begin: admitted(beginUploadSeal)},
		{Type: proto.TypeProbe, Begin: admitted(beginProbe)},
		{Type: proto.TypeProve, Begin: admitted(beginProve), Resume: resumeProve},
		{Type: proto.TypeSignature, Begin: admitted(beginSignature)},
		{Type: proto.TypeExtents, Begin: admitted(beginExtents)},
		{Type: proto.TypeAssemble, Begin: admitted(beginAssemble), Finish: finishAssemble, Abort: abortAssemble},
		{Type: proto.TypeCommit, Begin: admitted(beginCommit)},
		{Type: proto.TypeList, Begin: admitted(beginList)},
		{Type: proto.TypeStat, Begin: admitted(beginStat)},
		{Type: proto.TypeChanges, Begin: admitted(beginChanges), Resume: resumeChanges},
		{Type: proto.TypeGet, Quick: quickGet, Begin: admitted(beginGet)},
		{Type: proto.TypeGetObjects, Quick: quickGetObjects, Begin: admitted(beginGetObjects)},
		{Type: proto.TypeVersions, Begin: admitted(beginVersions)},
		{Type: proto.TypeLog, Begin: admitted(beginLog)},
		{Type: proto.TypeTrash, Begin: admitted(beginTrash)},
		{Type: proto.TypeRestore, Begin: admitted(beginRestore)},
		{Type: proto.TypeTrashEmpty, Begin: admitted(beginTrashEmpty)},
		{Type: proto.TypeUploads, Begin: admitted(beginUploads)},
		{Type: proto.TypeUploadCancel, Begin: admitted(beginUploadCancel)},
	}
}
