"""What a segment is: markers, descriptors, intervals, a short rule to know it by."""
