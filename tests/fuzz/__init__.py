"""Every reader of the project, fed with damage."""
