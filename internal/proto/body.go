package proto

// noBody is Row.Body of the types whose requests have none.
func noBody(_ Header, length uint64) *Error {
	if length != 0 {
		return Errorf(TooLarge, "a body where none may be")
	}
	return nil
}

// plainAnswer is Row.Answers of the types whose reply has no body and says nothing that could contradict the request.
func plainAnswer(_, _ Header, length uint64) *Error { return noBody(nil, length) }

// sumsTo says whether sizes, each already within 0..MaxObjectsBody and at most MaxBatch of them, sum to length.
func sumsTo(sum int64, length uint64) *Error {
	if uint64(sum) != length {
		return Errorf(BadHeader, "sizes sum to %d, the body has %d bytes", sum, length)
	}
	return nil
}
