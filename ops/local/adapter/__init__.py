"""What MiniStack lacks that Filemill needs, a service a module. Run by the emulator's interpreter only."""
