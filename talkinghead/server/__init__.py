"""Faces over HTTP and WebSocket: avatars, streams while the sound arrives, jobs; see `talkinghead.server.app`."""
