"""SyncNet, which tells how far lips and speech are apart; its weights are the user's own to bring."""
