"""What models are measured with: facts and excerpts that people have labelled."""
