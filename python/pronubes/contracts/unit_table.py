"""Units that plants use, so that a start needs no unit library: what is not here is worked out by `units.py` with pint and ucumvert.

A line is the UCUM code, the UNECE Recommendation 20 code (what OPC UA units are numbered by), the exponents of metre, kilogram, second, ampere,
kelvin, mole and candela (`0`: none, `-`: no place among them), and how people write it. A test compares every line with pint.
"""

from __future__ import annotations

__all__ = ["TABLE"]

TABLE = """\
1|C62|0|one dimensionless
%|P1|0|percent pct
[ppth]||0|‰ permille
[ppm]|59|0|ppm
[ppb]|61|0|ppb
Cel|CEL|0,0,0,0,1,0,0|°C ºC ℃ degC celsius
[degF]|FAH|0,0,0,0,1,0,0|°F ºF ℉ degF fahrenheit
K|KEL|0,0,0,0,1,0,0|kelvin °K
bar|BAR|-1,1,-2,0,0,0,0
mbar|MBR|-1,1,-2,0,0,0,0
Pa|PAL|-1,1,-2,0,0,0,0|pascal
hPa|A97|-1,1,-2,0,0,0,0
kPa|KPA|-1,1,-2,0,0,0,0
MPa|MPA|-1,1,-2,0,0,0,0
[psi]|PS|-1,1,-2,0,0,0,0|psi lbf/in²
atm|ATM|-1,1,-2,0,0,0,0
mm[Hg]|HN|-1,1,-2,0,0,0,0|mmHg
m|MTR|1,0,0,0,0,0,0|metre meter
dm|DMT|1,0,0,0,0,0,0
cm|CMT|1,0,0,0,0,0,0
mm|MMT|1,0,0,0,0,0,0
um|4H|1,0,0,0,0,0,0|µm μm micron
nm|C45|1,0,0,0,0,0,0
km|KMT|1,0,0,0,0,0,0
[in_i]|INH|1,0,0,0,0,0,0|in inch
[ft_i]|FOT|1,0,0,0,0,0,0|foot feet
[yd_i]|YRD|1,0,0,0,0,0,0|yard
[mi_i]|SMI|1,0,0,0,0,0,0|mi mile
m2|MTK|2,0,0,0,0,0,0|m² m^2 sqm
cm2|CMK|2,0,0,0,0,0,0|cm² cm^2
mm2|MMK|2,0,0,0,0,0,0|mm² mm^2
m3|MTQ|3,0,0,0,0,0,0|m³ m^3 cbm
dm3|DMQ|3,0,0,0,0,0,0|dm³ dm^3
cm3|CMQ|3,0,0,0,0,0,0|cm³ cm^3 ccm
mm3|MMQ|3,0,0,0,0,0,0|mm³ mm^3
L|LTR|3,0,0,0,0,0,0|l litre liter ltr
hL|HLT|3,0,0,0,0,0,0|hl
mL|MLT|3,0,0,0,0,0,0|ml
[gal_us]|GLL|3,0,0,0,0,0,0|gal gallon
g|GRM|0,1,0,0,0,0,0|gram
kg|KGM|0,1,0,0,0,0,0|kilogram kilo
mg|MGM|0,1,0,0,0,0,0
ug|MC|0,1,0,0,0,0,0|µg μg
t|TNE|0,1,0,0,0,0,0|tonne ton
[lb_av]|LBR|0,1,0,0,0,0,0|lb lbs pound
[oz_av]|ONZ|0,1,0,0,0,0,0|oz ounce
s|SEC|0,0,1,0,0,0,0|sec second
min|MIN|0,0,1,0,0,0,0|minute
h|HUR|0,0,1,0,0,0,0|hr hour
d|DAY|0,0,1,0,0,0,0|day
ms|C26|0,0,1,0,0,0,0|msec
us|B98|0,0,1,0,0,0,0|µs μs usec
ns|C47|0,0,1,0,0,0,0
wk|WEE|0,0,1,0,0,0,0|week
a|ANN|0,0,1,0,0,0,0|yr year
Hz|HTZ|0,0,-1,0,0,0,0|hz hertz
kHz|KHZ|0,0,-1,0,0,0,0
MHz|MHZ|0,0,-1,0,0,0,0
/min|RPM|0,0,-1,0,0,0,0|rpm 1/min U/min r/min min-1 min⁻¹
/s|RPS|0,0,-1,0,0,0,0|rps 1/s
m/s|MTS|1,0,-1,0,0,0,0
m/min|2X|1,0,-1,0,0,0,0
mm/s|C16|1,0,-1,0,0,0,0
cm/s|2M|1,0,-1,0,0,0,0
km/h|KMH|1,0,-1,0,0,0,0|kmh kph
[mi_i]/h|HM|1,0,-1,0,0,0,0|mph
m/s2|MSK|1,0,-2,0,0,0,0|m/s² m/s^2
m3/h|MQH|3,0,-1,0,0,0,0|m³/h m^3/h cbm/h m3h
m3/s|MQS|3,0,-1,0,0,0,0|m³/s m^3/s
L/min|L2|3,0,-1,0,0,0,0|l/min lpm
L/h|E32|3,0,-1,0,0,0,0|l/h lph
L/s|G51|3,0,-1,0,0,0,0|l/s lps
[gal_us]/min|G2|3,0,-1,0,0,0,0|gpm
kg/s|KGS|0,1,-1,0,0,0,0
kg/h|E93|0,1,-1,0,0,0,0
t/h|E18|0,1,-1,0,0,0,0
N|NEW|1,1,-2,0,0,0,0|newton
kN|B47|1,1,-2,0,0,0,0
N.m|NU|2,1,-2,0,0,0,0|Nm N*m N·m
kN.m|B48|2,1,-2,0,0,0,0|kNm
J|JOU|2,1,-2,0,0,0,0|joule
kJ|KJO|2,1,-2,0,0,0,0
MJ|3B|2,1,-2,0,0,0,0
GJ|GV|2,1,-2,0,0,0,0
[Btu_IT]|BTU|2,1,-2,0,0,0,0|btu
cal||2,1,-2,0,0,0,0|calorie
W.h|WHR|2,1,-2,0,0,0,0|Wh
kW.h|KWH|2,1,-2,0,0,0,0|kWh
MW.h|MWH|2,1,-2,0,0,0,0|MWh
GW.h|GWH|2,1,-2,0,0,0,0|GWh
W|WTT|2,1,-3,0,0,0,0|watt
mW|C31|2,1,-3,0,0,0,0
kW|KWT|2,1,-3,0,0,0,0
MW|MAW|2,1,-3,0,0,0,0
[HP]||2,1,-3,0,0,0,0|hp
V.A|D46|2,1,-3,0,0,0,0|VA
kV.A|KVA|2,1,-3,0,0,0,0
MV.A|MVA|2,1,-3,0,0,0,0
V|VLT|2,1,-3,-1,0,0,0|volt volts
mV|2Z|2,1,-3,-1,0,0,0
kV|KVT|2,1,-3,-1,0,0,0
A|AMP|0,0,0,1,0,0,0|amp ampere amps
mA|4K|0,0,0,1,0,0,0
kA|B22|0,0,0,1,0,0,0
uA|B84|0,0,0,1,0,0,0|µA μA
A.h|AMH|0,0,1,1,0,0,0|Ah
mA.h|E09|0,0,1,1,0,0,0|mAh
C|COU|0,0,1,1,0,0,0|coulomb
Ohm|OHM|2,1,-3,-2,0,0,0|Ω Ω ohms
mOhm|E45|2,1,-3,-2,0,0,0|mΩ
kOhm|B49|2,1,-3,-2,0,0,0|kΩ
MOhm|B75|2,1,-3,-2,0,0,0|MΩ
S|SIE|-2,-1,3,2,0,0,0|siemens
uS/cm|G42|-3,-1,3,2,0,0,0|µS/cm μS/cm
mS/cm||-3,-1,3,2,0,0,0
F|FAR|-2,-1,4,2,0,0,0|farad
uF|4O|-2,-1,4,2,0,0,0|µF μF
nF|C41|-2,-1,4,2,0,0,0
pF|4T|-2,-1,4,2,0,0,0
H|81|2,1,-2,-2,0,0,0|henry
mH|C14|2,1,-2,-2,0,0,0
Wb|WEB|2,1,-2,-1,0,0,0
T|D33|0,1,-2,-1,0,0,0|tesla
mT|C29|0,1,-2,-1,0,0,0
rad|C81|0|radian
deg|DD|0|° º degree degrees
lx|LUX|-2,0,0,0,0,0,1|lux
lm|LUM|0,0,0,0,0,0,1|lumen
cd|CDL|0,0,0,0,0,0,1|candela
mol|C34|0,0,0,0,0,1,0|mole
kmol|B45|0,0,0,0,0,1,0
kg/m3|KMQ|-3,1,0,0,0,0,0|kg/m³ kg/m^3
g/cm3|23|-3,1,0,0,0,0,0|g/cm³ g/cm^3
g/L|GL|-3,1,0,0,0,0,0|g/l
mg/L|M1|-3,1,0,0,0,0,0|mg/l
mg/m3|GP|-3,1,0,0,0,0,0|mg/m³
ug/m3|GQ|-3,1,0,0,0,0,0|µg/m³ μg/m³
g/m3|A93|-3,1,0,0,0,0,0|g/m³
W/m2|D54|0,1,-3,0,0,0,0|W/m² W/m^2
Pa.s|C65|-1,1,-1,0,0,0,0|Pas Pa*s
mPa.s|C24|-1,1,-1,0,0,0,0|mPas
cP||-1,1,-1,0,0,0,0
cSt|4C|2,0,-1,0,0,0,0
[pH]|Q30|-|pH ph
dB|2N|0|db decibel
B[SPL]||-1,1,-2,0,0,0,0
dB[SPL]||-1,1,-2,0,0,0,0|dBA
bit||0
By||0|byte bytes
kBy||0|kB
MBy||0|MB
GBy||0|GB
Bq|BQL|0,0,-1,0,0,0,0
Gy|A95|2,0,-2,0,0,0,0
Sv|D13|2,0,-2,0,0,0,0
mSv|C28|2,0,-2,0,0,0,0
[g]|K40|1,0,-2,0,0,0,0|g0 gn
"""
