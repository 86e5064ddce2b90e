"""The commands, one module for each group of them. `filemill.cli.app` imports a module when its command is used."""
