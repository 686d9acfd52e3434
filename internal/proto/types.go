package proto

import (
	"strconv"
	"time"
)

// Type is a request's type. Numbers are never reused.
type Type uint16

const (
	TypeHello        Type = 1
	TypePing         Type = 2
	TypeLogin        Type = 3
	TypeDeviceRevoke Type = 4
	TypeQuota        Type = 5
	TypeHave         Type = 10
	TypePutObjects   Type = 11
	TypeUploadOpen   Type = 12
	TypeUploadChunk  Type = 13
	TypeUploadSeal   Type = 14
	TypeProbe        Type = 15
	TypeProve        Type = 16
	TypeSignature    Type = 17
	TypeExtents      Type = 18
	TypeAssemble     Type = 19
	TypeCommit       Type = 20
	TypeList         Type = 21
	TypeStat         Type = 22
	TypeChanges      Type = 23
	TypeGet          Type = 24
	TypeGetObjects   Type = 25
	TypeVersions     Type = 26
	TypeLog          Type = 27
	TypeTrash        Type = 28
	TypeRestore      Type = 29
	TypeTrashEmpty   Type = 30
	TypeUploads      Type = 31
	TypeUploadCancel Type = 32
)

// Row says what may follow a prelude of this type, in both directions.
type Row struct {
	Type      Type
	Name      string
	Open      bool          // allowed before log-in
	MaxHeader uint32        // greatest header of a request
	MaxBody   uint64        // greatest body of a request; 0: none
	MaxReply  uint64        // greatest body of a reply; 0: none. A reply's header is at most MaxReplyHeader
	Deadline  time.Duration // of the server, from prelude to the last byte of the reply header; body time is ruled by the least rate
	Waits     bool          // carries wait_ms, which is added to the deadline

	Parse      func(raw []byte) (Header, error) // a request's header
	ParseReply func(raw []byte) (Header, error) // a reply's header

	// Body says whether a body of this length may follow this request header; nil error: it may.
	Body func(request Header, length uint64) *Error
	// Answers is the client's check: may this reply, with a body of this length, answer that request?
	Answers func(request, reply Header, length uint64) *Error
}

// Types holds every type, in the order of the numbers.
var Types = [...]Row{
	{TypeHello, "hello", true, MaxHeaderBefore, 0, 0, 30 * time.Second, false,
		opened(ParseHello), opened(ParseHelloReply), noBody, helloAnswers},
	{TypePing, "ping", true, MaxHeaderBefore, 0, 0, 10 * time.Second, false,
		opened(ParsePing), opened(ParsePingReply), noBody, plainAnswer},
	{TypeLogin, "login", true, MaxHeaderBefore, 0, 0, 60 * time.Second, false,
		opened(ParseLogin), opened(ParseLoginReply), noBody, plainAnswer},
	{TypeDeviceRevoke, "device-revoke", false, MaxHeader, 0, 0, 30 * time.Second, false,
		opened(ParseDeviceRevoke), opened(ParseDeviceRevokeReply), noBody, plainAnswer},
	{TypeQuota, "quota", false, MaxHeader, 0, 0, 30 * time.Second, false,
		opened(ParseQuota), opened(ParseQuotaReply), noBody, plainAnswer},
	{TypeHave, "have", false, MaxHeaderBatch, 0, 0, 60 * time.Second, false,
		opened(ParseHave), opened(ParseHaveReply), noBody, haveAnswers},
	{TypePutObjects, "put-objects", false, MaxHeaderBatch, MaxObjectsBody, 0, 120 * time.Second, false,
		opened(ParsePutObjects), opened(ParsePutObjectsReply), putObjectsBody, putObjectsAnswers},
	{TypeUploadOpen, "upload-open", false, MaxHeader, 0, MaxChunks * ValueHint, 60 * time.Second, false,
		opened(ParseUploadOpen), opened(ParseUploadOpenReply), noBody, uploadOpenAnswers},
	{TypeUploadChunk, "upload-chunk", false, MaxHeader, ChunkSize, 0, 120 * time.Second, false,
		opened(ParseUploadChunk), opened(ParseUploadChunkReply), uploadChunkBody, plainAnswer},
	{TypeUploadSeal, "upload-seal", false, MaxHeader, 0, 0, 120 * time.Second, false,
		opened(ParseUploadSeal), opened(ParseUploadSealReply), noBody, plainAnswer},
	{TypeProbe, "probe", false, MaxHeader, 0, 0, 30 * time.Second, false,
		opened(ParseProbe), opened(ParseProbeReply), noBody, plainAnswer},
	{TypeProve, "prove", false, MaxHeader, 0, 0, 60 * time.Second, false,
		opened(ParseProve), opened(ParseProveReply), noBody, proveAnswers},
	{TypeSignature, "signature", false, MaxHeader, 0, MaxBlocks * BlockEntry, 120 * time.Second, false,
		opened(ParseSignature), opened(ParseSignatureReply), noBody, signatureAnswers},
	{TypeExtents, "extents", false, MaxHeader, 0, 0, 30 * time.Second, false,
		opened(ParseExtents), opened(ParseExtentsReply), noBody, extentsAnswers},
	{TypeAssemble, "upload-assemble", false, MaxHeader, ChunkSize, 0, 120 * time.Second, false,
		opened(ParseUploadAssemble), opened(ParseUploadChunkReply), uploadAssembleBody, plainAnswer},
	{TypeCommit, "commit", false, MaxHeaderBatch, 0, 0, 120 * time.Second, false,
		opened(ParseCommit), opened(ParseCommitReply), noBody, commitAnswers},
	{TypeList, "list", false, MaxHeader, 0, 0, 60 * time.Second, false,
		opened(ParseList), opened(ParseListReply), noBody, plainAnswer},
	{TypeStat, "stat", false, MaxHeader, 0, 0, 30 * time.Second, false,
		opened(ParseStat), opened(ParseStatReply), noBody, statAnswers},
	{TypeChanges, "changes", false, MaxHeader, 0, 0, 30 * time.Second, true,
		opened(ParseChanges), opened(ParseChangesReply), noBody, plainAnswer},
	{TypeGet, "get", false, MaxHeader, 0, MaxContent, 30 * time.Second, false,
		opened(ParseGet), opened(ParseGetReply), noBody, getAnswers},
	{TypeGetObjects, "get-objects", false, MaxHeaderBatch, 0, MaxObjectsBody, 60 * time.Second, false,
		opened(ParseGetObjects), opened(ParseGetObjectsReply), noBody, getObjectsAnswers},
	{TypeVersions, "versions", false, MaxHeader, 0, 0, 60 * time.Second, false,
		opened(ParseVersions), opened(ParseVersionsReply), noBody, plainAnswer},
	{TypeLog, "log", false, MaxHeader, 0, 0, 60 * time.Second, false,
		opened(ParseLog), opened(ParseLogReply), noBody, plainAnswer},
	{TypeTrash, "trash", false, MaxHeader, 0, 0, 60 * time.Second, false,
		opened(ParseTrash), opened(ParseTrashReply), noBody, plainAnswer},
	{TypeRestore, "restore", false, MaxHeader, 0, 0, 120 * time.Second, false,
		opened(ParseRestore), opened(ParseRestoreReply), noBody, plainAnswer},
	{TypeTrashEmpty, "trash-empty", false, MaxHeader, 0, 0, 600 * time.Second, false,
		opened(ParseTrashEmpty), opened(ParseTrashEmptyReply), noBody, plainAnswer},
	{TypeUploads, "uploads", false, MaxHeader, 0, 0, 30 * time.Second, false,
		opened(ParseUploads), opened(ParseUploadsReply), noBody, uploadsAnswers},
	{TypeUploadCancel, "upload-cancel", false, MaxHeader, 0, 0, 60 * time.Second, false,
		opened(ParseUploadCancel), opened(ParseUploadCancelReply), noBody, plainAnswer},
}

// Lookup finds a type's row; nil: no such type.
func Lookup(t Type) *Row {
	for i := range Types {
		if Types[i].Type == t {
			return &Types[i]
		}
	}
	return nil
}

// String is the type's name, for logs.
func (t Type) String() string {
	if r := Lookup(t); r != nil {
		return r.Name
	}
	return "type-" + strconv.Itoa(int(t))
}
