"""What NTFS keeps about the birth and death of files: the master file table and the change journal."""
