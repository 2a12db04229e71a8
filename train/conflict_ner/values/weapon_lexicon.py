"""List common nouns that name a kind of weapon, and words that hint at one.

Entries are written as one reads them, in the singular; `weapons` folds case, accents, hyphens and plurals on both
sides. A phrase wins over the words in it. No entry stands in two tables, or for two kinds.
"""

from typing import Final

NOUNS: Final = {
    "uav": """
        kamikaze uav, attack uav, remotely piloted
    """,
    "air": """
        aircraft, warplane, airplane, aeroplane, plane, jet, fighter jet, fighter, fighter bomber, fighter aircraft,
        bomber, helicopter, heli, helo, chopper, copter, gunship, air strike, airstrike, air raid, airraid, air
        attack, air assault, air bombardment, air bombing, aerial, aerial attack, aerial strike, aerial bombing,
        aerial bombardment, bombing raid, bombing run, carpet bombing, air strafing, strafing, strafing run, dive
        bomber, seaplane, floatplane, biplane, crop duster, rotorcraft, tiltrotor, airliner, airship, dirigible,
        trainer aircraft, trainer jet, transport plane, transport aircraft, cargo plane, spy plane, gunship strike,
        gun run, sortie, air sortie, air support, close air support, air power, airpower, air asset, air platform,
        airstrikes raid, military aviation, aviation bomb, warbird, strike aircraft
    """,
    "artillery": """
        artillery, arty, howitzer, mortar, mortar bomb, mortar shell, mortar mine, mortar fuse, bazooka mortar,
        cannon, autocannon, auto cannon, rocket cannon, field gun, field piece, anti tank gun, anti tank cannon, light
        gun, pack howitzer, gun howitzer, mountain gun, self propelled gun, self propelled artillery, recoilless gun,
        recoilless rifle, recoilless cannon, recoilless launcher, rr, coastal gun, coastal artillery, coastal battery,
        shore battery, radar controlled gun, radar guided gun, flak gun, flak, ack ack, triple a, aaa, anti aircraft,
        anti aircraft gun, anti aircraft artillery, anti aircraft battery, anti aircraft fire, anti aircraft cannon,
        anti aircraft weapon, anti air gun, air defence gun, air defense gun, air defence artillery, air defense
        artillery, zenith gun, siege gun, big gun, heavy gun, twin cannon, gun battery, battery of gun, artillery gun,
        artillery piece, artillery shell, artillery shelling, shelling, bombardment, cannonade, artillery barrage,
        artillery strike, artillery fire, artillery duel, mortar tube, mortar fire, rocket, rocket launcher, multiple
        rocket launcher, multiple launch rocket system, multiple launcher rocket system, multi barrel rocket launcher,
        rocket artillery, rocket pod, rocket fire, rocket attack, rocket rail, rocket shell, rocket barrage, rocket
        salvo, rocket battery, improvised rocket, unguided rocket, high explosive shell, shell fire, shellfire,
        cluster shell, cluster rocket, shrapnel shell, incendiary shell, illumination round, flare shell, propellant
        charge, obus, indirect fire, idf fire, counter battery fire, thermobaric launcher, thermobaric rocket,
        thermobaric shell, phosphorus shell, white phosphorus shell, carronade, culverin, mobile artillery, fireworks
        shell, pounder gun, depleted uranium, smoke round
    """,
    "missile": """
        missile, ballistic missile, cruise missile, guided missile, guided rocket, interceptor, interceptor missile,
        missile battery, missile launcher, missile system, missile defence, missile defense, missile strike, rocket
        missile, anti tank missile, anti tank guided missile, anti tank guided weapon, anti tank weapon, guided anti
        tank weapon, guided weapon, air defence, air defense, air defence system, air defense system, air defence
        battery, air defense battery, air defence launcher, air defense launcher, air defence missile, air defense
        missile, air defence missile system, anti aircraft system, anti aircraft missile, anti air missile, anti air
        system, anti aircraft missile system, surface to air, surface to air battery, surface to air missile, ground
        to air missile, surface to surface, ground to ground missile, laser guided missile, laser guided rocket, wire
        guided missile, precision guided missile, glide vehicle, re entry vehicle, transporter erector launcher
    """,
    "grenade": """
        grenada bomb, grenade attack, grenade blast, stun grenade, smoke grenade, smoke bomb, fragmentation grenade,
        stick grenade, percussion grenade, rifle grenade launcher, incendiary grenade, thermite grenade, grenade
        round, thunderflash, crude grenade, homemade grenade, explosive thrown
    """,
    "small-arms": """
        rifle, carbine, pistol, handgun, revolver, shotgun, musketoon, machine gun, machinegun, machine pistol,
        submachine gun, submachinegun, sub machine gun, sub machinegun, machine carbine, light machine gun, medium
        machine gun, heavy machine gun, general purpose machine gun, universal machine gun, firearm, fire arm, gun,
        hand gun, gunfire, gun fire, gunshot, gun battle, gunbattle, gunfight, gun fight, gun attack, gunshot wound,
        firefight, fire fight, shootout, shoot out, shooting, drive by shooting, sniper, sniper fire, sniper rifle,
        sniper attack, sniping, assault rifle, hunting rifle, automatic rifle, semi automatic rifle, semiautomatic
        rifle, battle rifle, hunting gun, air gun, airgun, air rifle, air pistol, bb gun, pellet gun, paintball gun,
        pump action gun, pump action, repeater, automatic weapon, automatic fire, automatic gun, semi automatic,
        semiautomatic, semi automatic weapon, single barrel, double barrel, single barrel gun, double barrel gun, sawn
        off, sawed off, ammunition, ammo, amunition, bullet, live bullet, live ammunition, live fire, live round,
        cartridge, live cartridge, blank cartridge, blank, tracer, tracer round, tracer fire, magazine, drum magazine,
        ammunition belt, ammunition magazine, clip, gun magazine, gun cartridge, shotgun shell, shotgun cartridge,
        light weapon fire, small calibre, small caliber, caliber, calibre, shot, gun shot, rifle shot, rifle fire,
        pistol fire, machine gun fire, machine gun burst, service weapon, service pistol, tripod mounted machine gun,
        gun barrel, silenced weapon, crew served weapon, fire exchange, crossfire, armor piercing bullet, fusillade,
        volley of shots, fire of small arm
    """,
    "ied-mine": """
        mine blast, mine explosion, anti personnel, anti tank mine, anti personnel mine, anti personnel explosive
        device, anti vehicle, anti handling device, detonator, electric detonator, roadside bomb, time bomb, tnt
        charge, explosive, explosive charge, explosive material, high explosive, homemade explosive, hme, demolition
        charge, demolition block, explosive belt charge, bomb attack, bomb blast, bomb explosion, bombing, primer,
        infernal machine, hidden explosive, remote controlled bomb, remote control bomb, remote controlled explosive,
        remotely detonated, remotely controlled device, victim operated, command wire, command detonated, tilt rod,
        trip wire, tripwire, timer device, time fuse, time delay fuse, explosive trap, explosive parcel, explosive
        package, explosive laden vehicle, explosive laden truck, explosive laden car, explosive packed car, explosive
        rigged car, explosive filled car, explosive laden motorcycle, booby trap device, booby trapped car, booby
        trapped vehicle, incendiary device, incendiary, petard, dud, sabotage device, ied attack, ied blast, bomb
        strapped bicycle, bomb planted
    """,
    "suicide": """
        martyr bomber
    """,
    "vehicle": """
        tank, battle tank, main battle tank, mbt, light tank, armour, armor, armoured, armored, armoured car, armored
        car, armoured vehicle, armored vehicle, armour vehicle, armored troop carrier, armoured personnel carrier,
        armored personnel carrier, personnel carrier, armoured carrier, armored carrier, troop carrier, armoured
        fighting vehicle, armored fighting vehicle, infantry fighting vehicle, fighting vehicle, combat vehicle,
        infantry combat vehicle, infantry vehicle, apc, ifv, icv, afv, mrap, aifv, recovery vehicle, scout car, half
        track, halftrack, military vehicle, military truck, army truck, army vehicle, army jeep, police vehicle,
        tactical vehicle, reconnaissance vehicle, patrol vehicle, vehicle, truck, lorry, jeep, pick up, pickup, pickup
        truck, armoured truck, armored truck, armoured jeep, armored jeep, armoured land cruiser, armoured bus,
        security vehicle, utility vehicle, military jeep, dune buggy, motorcycle, motorbike, motor cycle, car, van,
        bus, quad bike, atv, golf cart, buggy, tracked vehicle, wheeled vehicle, convoy truck, armored column, tank
        column, tank fire, tank transporter, tank hunter, gun carrier, prime mover, bren gun carrier, mortar carrier,
        weapons carrier
    """,
    "naval": """
        ship, vessel, boat, cruiser, sloop, gun ship boat, flotilla, fleet, craft, ferry, trawler, yacht, barge,
        canoe, launch, patrol launch, motor launch, motorboat, motor boat, interceptor boat, interceptor craft,
        surface combatant, capital ship, auxiliary ship, survey ship, training ship, spy ship, intelligence ship,
        landing vessel, landing boat, hull, sub
    """,
    "chemical": """
        gas, toxin, toxic
    """,
    "blade": """
        bladed, machete attack, knife attack, sword stick, panga attack, sharpened screwdriver
    """,
    "other": """
        rod, pole, electric shock, munition, ordnance, ordinance, war munition, military munition, cluster munition,
        cluster submunition, submunition, incendiary munition, stick, stone, rock, brick, chain, hammer
    """,
}
"""Common nouns, by kind: the last one of a mention is its head."""

NO_KIND: Final = """
    craft weapon, craft produced weapon, oil tanker, fuel tanker, petrol tanker, gasoline tanker, crude tanker, gas
    tanker,
    water tanker, milk tanker, gas canister, cooking gas, cooking gas canister
"""
"""Phrases that do not tell a kind although a word in them would: they hide it."""

WEAK: Final = {
    "uav": """
        predator, reaper, sentinel, raven, protector, watchkeeper, orion, shaheen, hermes, unmanned, uncrewed,
        pilotless, one way attack
    """,
    "air": """
        tornado, typhoon, phantom, jaguar, lynx, puma, super lynx, cobra, wildcat, merlin, tigre, tiger, thunder,
        defender, nighthawk, backfire, blinder, flogger, fishbed, fitter, aviation, barrel, push pull plane
    """,
    "artillery": """
        battery, shell, projectile, propellant, pounder, barrelled, barreled, vulcan, cluster projectile, archer,
        barrage, salvo
    """,
    "missile": """
        sam, warhead, osa, tor, kub, gecko, gadfly, gainful, guideline, goa, hot, roland, gabriel, bastion, sparrow,
        derby, python, kh, ballistic, strategic warhead, badr, quds, ra'ad, raad, zolfaghar, zolfaqar, zulfiqar, nasr,
        hawk, penguin, meteor, paveh, grom
    """,
    "grenade": """
        gl
    """,
    "small-arms": """
        round, rd, burst, scorpion, mag, copy, saw, slr, ar, cz, hk, fn, tt, ball, country made, locally made, home
        made, astra, star
    """,
    "ied-mine": """
        bomb, charge, fuse, fuze, plastic, cylinder, bomblet, petal, booby, trap, urea, nitrate, fertilizer,
        fertiliser, saltpeter, saltpetre, gel, timer, al qaqaa, القعقاع
    """,
    "suicide": """
        vest
    """,
    "vehicle": """
        transport, scout, bushmaster, commando, cougar, buffalo, mamba, panther, warrior, boxer, fox, guardian,
        challenger, wolf, bison, pig
    """,
    "naval": """
        tanker, monitor, naval, carrier
    """,
    "chemical": """
        smoke
    """,
    "blade": """
        screw driver, shears
    """,
    "other": """
        bar, pipe, bottle
    """,
}
"""Words that decide only where nothing else is known: names that several arms share, and what goes with any arm."""
