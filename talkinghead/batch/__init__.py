"""Many clips from a manifest: resumable, on one machine or a Ray cluster."""
