"""The private side where no network is, the gateway on a link that is listened to."""
