"""The homes of the state document, each just `read` and `swap`."""
