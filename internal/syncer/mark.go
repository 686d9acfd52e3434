package syncer

// markExcluded marks what the filter excludes in a tree that was not filtered while it was read.
func markExcluded(root *Node, f *Filter) {
	if f.Empty() {
		return
	}
	markBelow(root, "", f)
}

func markBelow(n *Node, prefix string, f *Filter) {
	for i := range n.Children {
		c := &n.Children[i]
		rel := prefix + c.Name
		if f.Excluded(rel, c.IsFolder()) {
			c.Excluded = true
			continue
		}
		if c.IsFolder() {
			markBelow(c, rel+"/", f)
		}
	}
}
