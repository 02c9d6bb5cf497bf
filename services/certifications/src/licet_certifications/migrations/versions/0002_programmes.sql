select 1; -- empty until the feature lands
