"Masks as what annotation tools open."
